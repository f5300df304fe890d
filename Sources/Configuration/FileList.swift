import StrictJSON

/// A JSON file that lists names of files: an array of strings.
public struct FileList: Sendable, Equatable {
  /// In the list's order; at least one.
  public let names: [String]

  /// - Parameter path: The file; what holds for configurations holds for it.
  /// - Throws: If the file cannot be read, or is not such a list.
  public init(jsonFile path: String) throws(ConfigurationError) {
    names = try ConfigurationReader(bytes: JobConfiguration.contents(ofFile: path), source: path).fileNames()
  }
}

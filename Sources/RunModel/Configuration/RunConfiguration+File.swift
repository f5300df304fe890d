import Foundation

extension RunConfiguration {
  /// The largest configuration file, 1 MiB; beyond it somebody has named the wrong file.
  public static let largestFile = 1 << 20

  /// Reads a configuration file.
  ///
  /// - Parameter path: The file; a pipe such as `/dev/stdin` is read to its end.
  /// - Throws: If the file cannot be read, is larger than 1 MiB, or is not a configuration.
  public init(jsonFile path: String) throws(ConfigurationError) {
    try self.init(json: Self.contents(ofFile: path), source: path)
  }

  private static func contents(ofFile path: String) throws(ConfigurationError) -> [UInt8] {
    var isFolder: ObjCBool = false
    let files = FileManager.default
    guard files.fileExists(atPath: path, isDirectory: &isFolder) else { throw .file(path: path, .missing) }
    guard !isFolder.boolValue else { throw .file(path: path, .folder) }
    guard files.isReadableFile(atPath: path) else { throw .file(path: path, .noPermission) }
    let contents: Data?
    do {
      // Reading a bounded number of bytes holds for pipes and devices too, whose size says nothing.
      let handle = try FileHandle(forReadingFrom: URL(fileURLWithPath: path))
      defer { try? handle.close() }
      contents = try handle.read(upToCount: largestFile + 1)
    } catch {
      throw .file(path: path, .readingFailed)
    }
    let bytes = contents.map(Array.init) ?? []
    guard bytes.count <= largestFile else { throw .file(path: path, .tooLarge(limit: largestFile)) }
    return bytes
  }
}

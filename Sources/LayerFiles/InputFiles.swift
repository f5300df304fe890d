import Configuration
import HDF5

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// What a job reads: a file, or several with the same layers, whose samples follow one another as if they were in one.
public struct InputFiles: Sendable {
  /// In the samples' order; at least one.
  package let files: [InputFile]

  /// The file that settings and parameters are taken from.
  package var first: InputFile { files[0] }
  /// What the files are called together, for messages.
  package var path: String { Self.name(of: files.map(\.path)) }
  /// Bytes of all files.
  package var byteCount: Int { files.reduce(0) { $0 + $1.status.size } }
  /// When the last of them was changed, in nanoseconds since 1970.
  package var modified: Int64 { files.map(\.status.modified).max() ?? 0 }

  /// The checksum of every file's size and time of change, in their order; nil for one file, of which that is known anyway.
  package var checksum: String? {
    guard files.count > 1 else { return nil }
    var words = RecordWriter()
    for file in files {
      words.append(file.status.size)
      words.append(Int(file.status.modified))
    }
    return words.bytes.withUnsafeBytes { Checksum(of: $0) }.text
  }

  /// The first name, and how many there are beside it.
  public static func name(of paths: [String]) -> String {
    switch paths.count {
    case 0, 1: paths.first ?? ""
    case 2: "\(paths[0]) and 1 more file"
    default: "\(paths[0]) and \(paths.count - 1) more files"
    }
  }

  /// Throws if a file was changed since it was opened: results would mix old and new data.
  package func checkIsUnchanged() throws(StreamError) {
    for file in files { try file.checkIsUnchanged() }
  }

  /// Tells the kernel that the files will be read from front to back.
  package func adviseSequentialReading() {
    for file in files { file.positional.adviseSequentialReading() }
  }

  /// What a user should know though nothing is wrong.
  package var warnings: [StreamWarning] {
    files.lazy.compactMap { $0.warnings.first }.first.map { [$0] } ?? []
  }

  /// Opens files and finds all layers, by path, that a configuration selects, checked and ready, with the samples of all files.
  /// - Throws: `StreamError`: what is wrong with any file, or unlike the first one.
  package static func open(
    _ paths: [String], _ configuration: JobConfiguration
  ) throws -> (input: InputFiles, found: FoundLayers) {
    if paths.count > 1 { allowOpenFiles(paths.count) }
    var problems = StreamError.Problems()
    var layersOfFiles: [LayersOfFile] = []
    for path in paths {
      try problems.gather(path) {
        let file = try InputFile(path: path)
        if let same = layersOfFiles.first(where: { $0.file.status == file.status }) {
          throw StreamError.inputTwice(path: path, other: same.file.path)
        }
        let found = try LayersOfFile(file, configuration)
        if let first = layersOfFiles.first, let difference = found.difference(from: first) {
          throw StreamError.filesDiffer(file: file.path, difference, like: first.file.path)
        }
        layersOfFiles.append(found)
      }
    }
    guard let first = layersOfFiles.first else { try problems.rethrow(of: paths.count) }
    let common = CommonOfLayers(first.file, first.layers, configuration)
    var layers: [Layer] = []
    for layer in first.layers {
      try problems.gather(first.file.path) {
        var reader = try first.file.reader(of: layer, common)
        reader.following = try StreamError.collecting(layersOfFiles.dropFirst(), \.file.path) {
          try $0.file.reader(of: $0.relisted(layer.name), common)
        }
        layers.append(try reader.layer())
      }
    }
    if !problems.isEmpty { try problems.rethrow(of: paths.count) }
    return (
      InputFiles(files: layersOfFiles.map(\.file)),
      FoundLayers(layers: layers, warnings: StreamWarning.merged(layersOfFiles.flatMap(\.warnings)))
    )
  }

  /// Lets the process have so many files open beside others, twice each, as far as the system allows.
  private static func allowOpenFiles(_ count: Int) {
    var limit = rlimit()
    #if canImport(Glibc)
      let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
    #else
      let resource = RLIMIT_NOFILE
    #endif
    guard getrlimit(resource, &limit) == 0 else { return }
    let wanted = rlim_t(2 * count + 256)
    guard limit.rlim_cur < wanted else { return }
    limit.rlim_cur = min(wanted, limit.rlim_max)
    // Where it fails, opening says so.
    _ = setrlimit(resource, &limit)
  }
}

/// The layers that were found in one of several files.
private struct LayersOfFile {
  let file: InputFile
  let layers: [FoundLayer]
  let warnings: [StreamWarning]
  /// By the bytes of their names: names that are equal to Swift may be two.
  private let places: [[UInt8]: FoundLayer]

  init(_ file: InputFile, _ configuration: JobConfiguration) throws {
    self.file = file
    (layers, warnings) = try file.find(configuration)
    places = Dictionary(layers.map { (Array($0.name.utf8), $0) }) { first, _ in first }
  }

  /// A layer that only one of two files has; nil if there is none.
  func difference(from first: LayersOfFile) -> StreamError.FileDifference? {
    func lacks(_ file: LayersOfFile, _ layer: FoundLayer) -> Bool {
      file.places[Array(layer.name.utf8)] == nil
    }
    if let layer = first.layers.first(where: { lacks(self, $0) }) {
      return .layer(layer.name, isMissing: true)
    }
    return layers.first { lacks(first, $0) }.map { .layer($0.name, isMissing: false) }
  }

  /// A layer of this name, which both have, with what its group holds.
  func relisted(_ name: String) throws(HDF5Error) -> FoundLayer {
    try file.relisted(places[Array(name.utf8)]!)
  }
}

extension StreamError {
  /// An input file of several, and what is wrong with it.
  public struct UnusableInput: Sendable, Equatable {
    public let path: String
    public let error: StreamError
  }

  /// In what a file differs from the first one, of those whose samples are to follow one another.
  public enum FileDifference: Sendable, Equatable {
    /// A layer that only one of the two has.
    case layer(String, isMissing: Bool)
    /// A dataset's shape, but for the number of samples.
    case shape(dataset: String, [Int], expected: [Int])
    /// The kind of a dataset's numbers.
    case type(dataset: String, String, expected: String)
    /// A dataset that one of the two lacks.
    case role(layer: String, DatasetRole, isMissing: Bool)
    /// An attribute that changes results.
    case setting(layer: String, name: String, String, expected: String)
    /// A number of a parameter.
    case value(dataset: String, feature: Int, Double, expected: Double)
  }

  /// What is wrong with several files, each once.
  struct Problems {
    private(set) var all: [UnusableInput] = []

    /// Runs `body`, and keeps the errors of files that it throws.
    /// - Parameter path: the file that other errors are about.
    mutating func gather(_ path: String, _ body: () throws -> Void) throws {
      do {
        try body()
      } catch StreamError.inputsUnusable(let others, _) {
        for other in others { add(other) }
      } catch let error as StreamError {
        add(UnusableInput(path: path, error: error))
      } catch let error as HDF5Error {
        add(UnusableInput(path: path, error: .libraryReadFailed(path: path, error)))
      }
    }

    private mutating func add(_ input: UnusableInput) {
      if !all.contains(where: { $0.path == input.path }) { all.append(input) }
    }

    var isEmpty: Bool { all.isEmpty }

    /// There is at least one.
    /// - Parameter count: of files.
    func rethrow(of count: Int) throws -> Never {
      if all.count == 1 { throw all[0].error }
      throw StreamError.inputsUnusable(all, of: count)
    }
  }

  /// Does something with each of several files, and does not stop at the first that cannot be used.
  /// - Throws: `inputsUnusable`.
  static func collecting<Element, Value>(
    _ elements: some Collection<Element>, _ path: (Element) -> String, _ body: (Element) throws -> Value
  ) throws -> [Value] {
    var problems = Problems()
    var values: [Value] = []
    for element in elements { try problems.gather(path(element)) { values.append(try body(element)) } }
    if !problems.isEmpty { throw StreamError.inputsUnusable(problems.all, of: elements.count) }
    return values
  }
}

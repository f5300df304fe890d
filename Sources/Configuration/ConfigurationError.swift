import StrictJSON

/// Why a configuration was refused. The cases carry data only; the program makes one line of it.
public enum ConfigurationError: Error, Sendable, Equatable {
  /// Why a file could not be read.
  public enum FileProblem: Sendable, Equatable {
    case missing
    case folder
    case noPermission
    case readingFailed
    /// The file has more than `limit` bytes.
    case tooLarge(limit: Int)
  }

  case file(path: String, FileProblem)
  /// The text is not JSON.
  case syntax(JSONSyntaxProblem, at: SourcePosition)
  /// `path` is the key's whole path, as `datasets.gama`; `known` are the keys of the same object.
  case unknownKey(path: String, nearest: String?, known: [String], at: SourcePosition)
  /// A value of the wrong type or out of range; `found` is an excerpt of the JSON. An empty `path` is the
  /// document.
  case invalidValue(path: String, found: String, allowed: AllowedValue, at: SourcePosition)
  /// An array that may hold a value only once holds it twice.
  case repeatedItem(path: String, item: String, at: SourcePosition)
  /// A key of `output_storage` that means something only with chunks.
  case needsChunks(path: String, at: SourcePosition)
  /// Two keys of which at most one can be in effect.
  case exclusiveKeys(path: String, other: String, at: SourcePosition)
  /// Datasets name their layer, but the activations, by which layers are found, do not.
  case activationsDoNotNameLayer(at: SourcePosition)
  /// Datasets name their layer, and `grouped_by` says where layers are, too.
  case groupedTwice(at: SourcePosition)
  /// The same dataset would be read in two roles.
  case datasetInTwoRoles(name: String, first: DatasetRole, second: DatasetRole, at: SourcePosition)
}

/// A place in a file: its name as the user gave it, line and column from 1.
public struct SourcePosition: Sendable, Equatable, CustomStringConvertible {
  public var source: String
  public var line: Int
  /// Counted in Unicode scalars.
  public var column: Int

  /// A place in a file; lines and columns count from 1.
  public init(source: String, line: Int, column: Int) {
    self.source = source
    self.line = line
    self.column = column
  }

  /// `name:line:column`, which editors and terminals turn into a link.
  public var description: String {
    "\(oneLine(source, limit: 1024)):\(line):\(column)"
  }
}

/// A text that is not a value of its kind, such as `--batch-size 0`.
///
/// The program says what the value must be, behind the option's name.
public struct ValueError: Error, Sendable, Equatable {
  /// The text as given.
  public var found: String
  /// What it should have been.
  public var allowed: AllowedValue

  /// What was found, and what would be allowed.
  public init(found: String, allowed: AllowedValue) {
    self.found = found
    self.allowed = allowed
  }
}

/// What a value of the configuration or of an option may be, as data; the words are the program's.
public enum AllowedValue: Sendable, Equatable {
  case batchSize
  case epsilon
  case momentum
  case featureAxis
  case threadCount
  case byteCount
  case layerPattern
  case datasetName
  case fileName
  /// An array of at least one of them.
  case fileNames
  case count
  case gzipLevel
  case zstdLevel
  /// One of these strings.
  case oneOf([String])
  /// An array of at least one of these strings, none of them twice.
  case someOf([String])
  case layerPatterns
  case percents
  case shard
  case boolean
  case text
  case object
}

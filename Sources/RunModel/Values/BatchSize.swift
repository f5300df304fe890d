/// How many samples make a batch.
public enum BatchSize: Sendable, Equatable {
  /// This many samples, at least 1; the last batch may be smaller, see `PartialBatchPolicy`.
  case samples(Int)
  /// The whole dataset is one batch.
  case all

  /// A batch of `samples` samples, or nil if that is less than 1.
  public init?(samples: Int) {
    guard samples >= 1 else { return nil }
    self = .samples(samples)
  }
}

extension BatchSize: ConfigurationValue {
  public static var allowed: AllowedValue { .batchSize }

  /// Reads `all` or an integer of at least 1.
  public init(parsing text: String) throws(ValueError) {
    if text == "all" {
      self = .all
    } else if let samples = Int(text), let size = BatchSize(samples: samples) {
      self = size
    } else {
      throw ValueError(found: text, allowed: Self.allowed)
    }
  }

  package init?(json: JSONValue) {
    if json.string == "all" {
      self = .all
    } else if let samples = json.integer {
      self.init(samples: samples)
    } else {
      return nil
    }
  }
}

extension BatchSize: Encodable, CustomStringConvertible {
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    switch self {
    case .samples(let count): try container.encode(count)
    case .all: try container.encode("all")
    }
  }

  /// The number, or `all`.
  public var description: String {
    switch self {
    case .samples(let count): "\(count)"
    case .all: "all"
    }
  }
}

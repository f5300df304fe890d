import StrictJSON

/// How a layer's samples were divided into batches.
public enum BatchDivision: Sendable, Equatable {
  /// Batches of this many samples.
  case samples(Int)
  /// One batch of all samples.
  case all
  /// As the layer's dataset `batch_offsets` says.
  case offsets

  /// As a batch size divides them.
  public init(_ size: BatchSize) {
    switch size {
    case .samples(let count): self = .samples(count)
    case .all: self = .all
    }
  }
}

extension BatchDivision: SettingValue {
  package var json: JSONValue {
    if case .samples(let count) = self { count.json } else { description.json }
  }
}

extension BatchDivision: Codable, CustomStringConvertible {
  /// Encodes the number, `"all"` or `"batch_offsets"`.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    switch self {
    case .samples(let count): try container.encode(count)
    case .all, .offsets: try container.encode(description)
    }
  }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    if let count = try? container.decode(Int.self) {
      self = .samples(count)
      return
    }
    switch try container.decode(String.self) {
    case "all": self = .all
    case "batch_offsets": self = .offsets
    case let other:
      throw DecodingError.dataCorruptedError(
        in: container, debugDescription: "\(other) is no division into batches")
    }
  }

  public var description: String {
    switch self {
    case .samples(let count): "\(count)"
    case .all: "all"
    case .offsets: "batch_offsets"
    }
  }
}

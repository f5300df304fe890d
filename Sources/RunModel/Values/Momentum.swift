/// How running statistics follow the batches, in PyTorch's sense of momentum.
///
/// TensorFlow's and Keras's momentum is 1 minus this one: their 0.99 is 0.01 here.
public enum Momentum: Sendable, Equatable {
  /// new = (1 - factor)·old + factor·batch, with a factor from 0 to 1.
  case exponential(Double)
  /// Every batch has the same weight (Algorithm 2 of Ioffe and Szegedy 2015; PyTorch's `momentum=None`).
  case cumulative

  /// An exponential average with `factor`, or nil if that is not from 0 to 1.
  public init?(factor: Double) {
    guard (0...1).contains(factor) else { return nil }
    // Negative zero would be written as -0, and equal configurations shall give equal bytes.
    self = .exponential(factor == 0 ? 0 : factor)
  }
}

extension Momentum: ConfigurationValue {
  public static var allowed: AllowedValue { .momentum }

  /// Reads `none` for the cumulative average, or a number from 0 to 1.
  public init(parsing text: String) throws(ValueError) {
    if text == "none" {
      self = .cumulative
    } else if let factor = finiteDecimal(text), let momentum = Momentum(factor: factor) {
      self = momentum
    } else {
      throw ValueError(found: text, allowed: Self.allowed)
    }
  }

  package init?(json: JSONValue) {
    if json.content == .null {
      self = .cumulative
    } else if let factor = json.finiteDouble {
      self.init(factor: factor)
    } else {
      return nil
    }
  }
}

extension Momentum: Codable, CustomStringConvertible {
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    switch self {
    case .exponential(let factor): try container.encode(factor)
    case .cumulative: try container.encodeNil()
    }
  }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    if container.decodeNil() {
      self = .cumulative
    } else if let momentum = Momentum(factor: try container.decode(Double.self)) {
      self = momentum
    } else {
      throw DecodingError.dataCorruptedError(in: container, debugDescription: Self.allowed.words)
    }
  }

  /// The factor, or `none`.
  public var description: String {
    switch self {
    case .exponential(let factor): "\(factor)"
    case .cumulative: "none"
    }
  }
}

import StrictJSON

/// Which quantiles are wanted, in percent.
public struct Percents: Sendable, Equatable {
  /// At least one, each from 0 to 100, in ascending order.
  public let values: [Double]

  /// Nil for none, for one that is not from 0 to 100, and for one that is there twice.
  public init?(_ values: [Double]) {
    // Negative zero would be written as -0, and equal configurations shall give equal bytes.
    let values = values.map { $0 == 0 ? 0 : $0 }
    guard !values.isEmpty, values.allSatisfy({ (0...100).contains($0) }), Set(values).count == values.count
    else { return nil }
    self.values = values.sorted()
  }
}

extension Percents: ConfigurationValue {
  public static var allowed: AllowedValue { .percents }

  /// Reads numbers between commas.
  public init(parsing text: String) throws(ValueError) {
    let values = text.split(separator: ",", omittingEmptySubsequences: false).map {
      finiteDecimal(String($0))
    }
    guard !values.contains(nil), let percents = Percents(values.compactMap(\.self)) else {
      throw ValueError(found: text, allowed: Self.allowed)
    }
    self = percents
  }

  package init?(json: JSONValue) {
    guard case .array(let items) = json.content else { return nil }
    let values = items.map(\.finiteDouble)
    guard !values.contains(nil) else { return nil }
    self.init(values.compactMap(\.self))
  }
}

extension Percents: Encodable {
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(values)
  }
}

/// The axis of `activations` that holds the features: from 1, since axis 0 is the samples, or negative from
/// the last axis.
///
/// 1 suits N×C and NCHW, -1 suits NHWC.
public struct FeatureAxis: Sendable, Equatable {
  /// Any integer but 0; negative ones count from the end.
  public let index: Int

  /// Nil for 0.
  public init?(_ index: Int) {
    guard index != 0 else { return nil }
    self.index = index
  }

  /// The axis as an index from 1 in a dataset of `rank` axes, or nil if the dataset has no such axis.
  ///
  /// The samples' axis cannot be the features' as well: -2 in a dataset of two axes is nil.
  public func resolved(rank: Int) -> Int? {
    guard rank >= 1, (-rank..<rank).contains(index) else { return nil }
    let axis = index > 0 ? index : rank + index
    return axis >= 1 ? axis : nil
  }
}

extension FeatureAxis: ConfigurationValue {
  public static var allowed: AllowedValue { .featureAxis }

  /// Reads an integer other than 0.
  public init(parsing text: String) throws(ValueError) {
    guard let index = Int(text), let axis = FeatureAxis(index) else {
      throw ValueError(found: text, allowed: Self.allowed)
    }
    self = axis
  }

  package init?(json: JSONValue) {
    guard let index = json.integer else { return nil }
    self.init(index)
  }
}

extension FeatureAxis: Encodable {
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(index)
  }
}

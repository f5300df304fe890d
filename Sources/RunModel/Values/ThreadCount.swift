/// How many threads compute: 1 to 1024. Results do not depend on it.
public struct ThreadCount: Sendable, Equatable {
  /// The largest number; beyond it a mistyped number is likelier than so many cores.
  public static let maximum = 1024

  /// From 1 to 1024.
  public let count: Int

  /// Nil if the count is not from 1 to 1024.
  public init?(_ count: Int) {
    guard (1...Self.maximum).contains(count) else { return nil }
    self.count = count
  }
}

extension ThreadCount: ConfigurationValue {
  public static var allowed: AllowedValue { .threadCount }

  /// Reads an integer from 1 to 1024.
  public init(parsing text: String) throws(ValueError) {
    guard let count = Int(text), let threads = ThreadCount(count) else {
      throw ValueError(found: text, allowed: Self.allowed)
    }
    self = threads
  }

  package init?(json: JSONValue) {
    guard let count = json.integer else { return nil }
    self.init(count)
  }
}

extension ThreadCount: Encodable {
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(count)
  }
}

import StrictJSON

/// A number of bytes, at least 1, written as `800000000`, `2G`, `512MiB` or `1.5 GB`.
public struct ByteCount: Sendable, Equatable {
  public let bytes: Int

  /// Nil if the number is less than 1.
  public init?(_ bytes: Int) {
    guard bytes >= 1 else { return nil }
    self.bytes = bytes
  }

  /// For numbers the program itself computes: what is less than 1 becomes 1.
  public init(clamping bytes: Int) {
    self.bytes = max(1, bytes)
  }

  /// Multiples of 1000 and of 1024. A bare `K`, `M`, `G` or `T` is the latter, as batch systems, the C library's tools and
  /// `ulimit` have it.
  private static let units: [String: Int] = [
    "": 1, "b": 1,
    "kb": 1000, "mb": 1000 * 1000, "gb": 1000 * 1000 * 1000, "tb": 1000 * 1000 * 1000 * 1000,
    "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40,
    "kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30, "tib": 1 << 40,
  ]
}

extension ByteCount: ConfigurationValue {
  public static var allowed: AllowedValue { .byteCount }

  /// Reads digits, or a decimal number, at most one space and a unit: B, kB, MB, GB, TB, KiB, MiB, GiB, TiB or, for the
  /// last four, K, M, G, T, in upper or lower case. A part of a byte is cut off; bytes themselves have no fraction.
  public init(parsing text: String) throws(ValueError) {
    let number = text.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
    var unit = text.dropFirst(number.count)
    if unit.first == " ", unit.count > 1 { unit.removeFirst() }
    guard
      let scale = Self.units[unit.lowercased()], let bytes = Self.product(String(number), scale),
      let value = ByteCount(bytes)
    else { throw ValueError(found: text, allowed: Self.allowed) }
    self = value
  }

  package init?(json: JSONValue) {
    if let bytes = json.integer {
      self.init(bytes)
    } else if let text = json.string, let value = try? ByteCount(parsing: text) {
      self = value
    } else {
      return nil
    }
  }

  /// number · scale without its fraction, or nil if `number` is not digits with or without a fraction, or too
  /// large.
  private static func product(_ number: String, _ scale: Int) -> Int? {
    if let whole = Int(number) {
      let (product, overflow) = whole.multipliedReportingOverflow(by: scale)
      return overflow ? nil : product
    }
    let parts = number.split(separator: ".", omittingEmptySubsequences: false)
    guard scale > 1, parts.count == 2, parts.allSatisfy({ !$0.isEmpty }), let value = Double(number) else {
      return nil
    }
    return Int(exactly: (value * Double(scale)).rounded(.down))
  }
}

extension ByteCount {
  /// A number of bytes that may be 0, as people read it.
  public static func text(_ bytes: Int) -> String {
    bytes == 0 ? "0 B" : ByteCount(clamping: bytes).description
  }
}

extension ByteCount: Encodable, CustomStringConvertible {
  /// Encodes the plain number, so that equal sizes give equal text.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(bytes)
  }

  /// The size in the largest binary unit that is not larger, to one decimal: `1.5 GiB`, `64 KiB`, `800 B`.
  public var description: String {
    let names = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"]
    var unit = 0
    while unit + 1 < names.count, bytes >> (10 * (unit + 1)) > 0 { unit += 1 }
    var tenths = tenths(ofUnit: unit)
    // 1023.97 KiB rounds to 1024.0 KiB, which is 1 MiB.
    if tenths == 10240, unit + 1 < names.count {
      unit += 1
      tenths = 10
    }
    let fraction = tenths % 10 == 0 ? "" : ".\(tenths % 10)"
    return "\(tenths / 10)\(fraction) \(names[unit])"
  }

  private func tenths(ofUnit unit: Int) -> Int {
    let scale = 1 << (10 * unit)
    let (whole, rest) = bytes.quotientAndRemainder(dividingBy: scale)
    return whole * 10 + Int((Double(rest) / Double(scale) * 10).rounded())
  }
}

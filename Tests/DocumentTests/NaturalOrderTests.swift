import FileNames
import Testing

/// Names are put in the order in which people count.
@Suite("Order of names with numbers", .timeLimit(.minutes(30)))
struct NaturalOrderTests {
  /// In order.
  static let names = [
    "2x", "10x", "a", "a0", "a01", "a1", "a1b", "a2", "a10", "a10b", "a09223372036854775808",
    "a9223372036854775808", "a10000000000000000000", "b",
  ]

  @Test("numbers count by their value, and a name comes before what it begins", arguments: names.indices)
  func order(place: Int) {
    let name = Self.names[place]
    #expect(Self.names.map { name.comesNaturally(before: $0) } == Self.names.indices.map { place < $0 })
  }
}

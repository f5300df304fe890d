import StrictJSON
import Testing

/// What is made of values in memory, beside reading documents.
@Suite("JSON values", .timeLimit(.minutes(30)))
struct JSONValueTests {
  private func value(_ text: String) throws -> JSONValue { try JSONParser.parse(Array(text.utf8)) }

  /// A message names them, and is the same each time.
  @Test("keys that differ are told in their order, whichever of the two has them")
  func differingKeys() throws {
    let one = try value(#"{"j":1, "h":2, "e":0, "c":4, "i":5, "a":null, "k":7}"#)
    let other = try value(#"{"k":8, "b":1, "j":2, "e":0, "g":0, "c":5, "d":"", "f":true, "i":4}"#)
    let keys = ["a", "b", "c", "d", "f", "g", "h", "i", "j", "k"]
    #expect(one.differingKeys(from: other) == keys)
    #expect(other.differingKeys(from: one) == keys)
    #expect(one.differingKeys(from: one) == [])
    #expect(try one.differingKeys(from: value("[1]")) == [] && value("null").differingKeys(from: one) == [])
  }

  /// JSON has no numbers for them, and each is told from the others.
  @Test("numbers that are not finite are written as words")
  func nonfiniteNumbers() {
    #expect(
      canonicalJSON([1.5, .infinity, -.infinity, .nan] as [Double])
        == #"[1.5,"Infinity","-Infinity","NaN"]"#)
    #expect(canonicalJSON(["value": -Float.infinity]) == #"{"value":"-Infinity"}"#)
  }
}

import Configuration
import Testing

@Suite("What a key's value may be", .timeLimit(.minutes(30)))
struct KeyTests {
  /// No key takes it.
  static let wrong = "-0.5"

  @Test("is what the reader says", arguments: JobConfiguration.Key.allCases)
  func key(_ key: JobConfiguration.Key) {
    #expect(refused(#"{"\#(key.rawValue)": \#(Self.wrong)}"#) == key.allowed)
  }

  @Test("is what the reader says, in output_storage", arguments: OutputStorage.Key.allCases)
  func storageKey(_ key: OutputStorage.Key) {
    #expect(
      refused(#"{"output_storage": {"layout": "chunked", "\#(key.rawValue)": \#(Self.wrong)}}"#)
        == key.allowed
        || refused(#"{"output_storage": {"\#(key.rawValue)": \#(Self.wrong)}}"#) == key.allowed)
  }

  private func refused(_ json: String) -> AllowedValue? {
    do {
      _ = try JobConfiguration(json: json, source: "test.json")
      return nil
    } catch {
      guard case .invalidValue(_, _, let allowed, _) = error else { return nil }
      return allowed
    }
  }
}

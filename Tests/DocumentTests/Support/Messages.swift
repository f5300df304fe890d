import Configuration
import StrictJSON

@testable import bn_stream

/// The whole message with which a document is refused, or nil if it is accepted.
func refusal(_ json: String) -> String? {
  refusal(Array(json.utf8))
}

/// The whole message with which a document is refused, or nil if it is accepted.
func refusal(_ json: [UInt8]) -> String? {
  do {
    _ = try JobConfiguration(json: json, source: "bn.json")
    return nil
  } catch {
    return error.description
  }
}

/// The whole message with which an option's text is refused, or nil if it is accepted.
func refusal<Value: OptionValue>(_ text: String, as type: Value.Type) -> String? {
  do {
    _ = try Value(parsing: text)
    return nil
  } catch {
    return error.description
  }
}

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// A parsed JSON value that remembers where it began, so that an error about its meaning can name line and
/// column.
///
/// Numbers keep their text: whether `1e3` is an integer, or `1e999` too large, is decided by whoever reads
/// the value.
package struct JSONValue: Sendable, Equatable {
  package indirect enum Content: Sendable, Equatable {
    case null
    case boolean(Bool)
    case number(String)
    case string(String)
    case array([JSONValue])
    case object([Member])
  }

  /// One `"key": value` of an object, in the order of the document.
  package struct Member: Sendable, Equatable {
    package var key: String
    /// The offset in bytes of the key's opening quote.
    package var keyOffset: Int
    package var value: JSONValue

    package init(key: String, keyOffset: Int, value: JSONValue) {
      self.key = key
      self.keyOffset = keyOffset
      self.value = value
    }
  }

  package var content: Content
  /// The offset in bytes of the value's first character.
  package var offset: Int

  package init(_ content: Content, offset: Int = 0) {
    self.content = content
    self.offset = offset
  }
}

extension JSONValue {
  package var string: String? {
    if case .string(let text) = content { text } else { nil }
  }

  package var boolean: Bool? {
    if case .boolean(let flag) = content { flag } else { nil }
  }

  /// The number's nearest `Double` if that is finite.
  package var finiteDouble: Double? {
    guard case .number(let text) = content, let value = Double(text), value.isFinite else { return nil }
    return value
  }

  /// The number's value if it is integral, in whichever notation, as JSON Schema defines `integer`: `256`,
  /// `256.0`, `2.56e2`.
  package var integer: Int? {
    guard case .number(let text) = content else { return nil }
    if let value = Int(text) { return value }
    // Beyond 2^53 a Double may stand for a neighbouring integer, so there only plain digits are exact.
    guard let value = Double(text), value.magnitude <= 0x1p53 else { return nil }
    return Int(exactly: value)
  }

  /// The value of a member of an object; nil if there is none.
  package func member(_ key: String) -> JSONValue? {
    guard case .object(let members) = content else { return nil }
    return members.first { $0.key == key }?.value
  }

  /// The value as an error quotes it: scalars as JSON text, containers only by their brackets.
  package var excerpt: String {
    switch content {
    case .null: "null"
    case .boolean(let flag): flag ? "true" : "false"
    case .number(let text): text
    case .string(let text): quoted(text)
    case .array(let items): items.isEmpty ? "[]" : "[…]"
    case .object(let members): members.isEmpty ? "{}" : "{…}"
    }
  }
}

extension JSONValue: Decodable {
  /// Rebuilds a tree from any decoder, without places: only so that a summary that contains a configuration
  /// decodes.
  package init(from decoder: any Decoder) throws {
    if let keyed = try? decoder.container(keyedBy: AnyKey.self) {
      var members: [Member] = []
      for key in keyed.allKeys.sorted(by: { $0.stringValue < $1.stringValue }) {
        members.append(
          Member(key: key.stringValue, keyOffset: 0, value: try keyed.decode(JSONValue.self, forKey: key)))
      }
      self.init(.object(members))
    } else if var list = try? decoder.unkeyedContainer() {
      var items: [JSONValue] = []
      while !list.isAtEnd { items.append(try list.decode(JSONValue.self)) }
      self.init(.array(items))
    } else {
      let single = try decoder.singleValueContainer()
      if single.decodeNil() {
        self.init(.null)
      } else if let flag = try? single.decode(Bool.self) {
        self.init(.boolean(flag))
      } else if let integer = try? single.decode(Int.self) {
        self.init(.number(String(integer)))
      } else if let number = try? single.decode(Double.self) {
        self.init(.number(String(number)))
      } else {
        self.init(.string(try single.decode(String.self)))
      }
    }
  }

  private struct AnyKey: CodingKey {
    let stringValue: String
    var intValue: Int? { nil }

    init(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { nil }
  }
}

extension JSONValue: Encodable {
  /// A number as it is encoded: without a fraction if it is whole.
  package init(number: Double) {
    self.init(.number(Int(exactly: number).map { "\($0)" } ?? "\(number)"))
  }

  /// The tree that a value is encoded as, without places: equal for equal values.
  package init(encoding value: some Encodable) {
    do {
      self = try JSONDecoder().decode(JSONValue.self, from: Data(canonicalJSON(value).utf8))
    } catch {
      preconditionFailure("\(type(of: value)) is encoded as something that is no JSON: \(error)")
    }
  }

  package func encode(to encoder: any Encoder) throws {
    switch content {
    case .array(let items):
      var container = encoder.unkeyedContainer()
      for item in items { try container.encode(item) }
    case .object(let members):
      var container = encoder.container(keyedBy: AnyKey.self)
      for member in members {
        try container.encode(member.value, forKey: AnyKey(stringValue: member.key))
      }
    default:
      var container = encoder.singleValueContainer()
      switch content {
      case .boolean(let flag): try container.encode(flag)
      case .string(let text): try container.encode(text)
      case .number(let text):
        if let integer = Int(text) {
          try container.encode(integer)
        } else {
          try container.encode(Double(text) ?? .nan)
        }
      default: try container.encodeNil()
      }
    }
  }
}

extension JSONValue {
  /// The keys of two objects whose values differ, in order; none if one of them is no object.
  package func differingKeys(from other: JSONValue) -> [String] {
    guard case .object(let own) = content, case .object(let others) = other.content else { return [] }
    func value(_ key: String, _ members: [Member]) -> JSONValue? { members.first { $0.key == key }?.value }
    return Set((own + others).map(\.key))
      .filter { value($0, own)?.content != value($0, others)?.content }.sorted()
  }
}

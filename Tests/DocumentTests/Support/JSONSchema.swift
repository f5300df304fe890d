import Configuration
import Foundation
import StrictJSON
import Testing

/// A checker for the keywords of JSON Schema 2020-12 that the project's schemas use, so that the schema is
/// tried out.
struct JSONSchema {
  /// A keyword this checker does not know; ignoring it would make the tests say more than they checked.
  struct UnknownKeyword: Error {
    var keyword: String
  }

  let root: JSONValue

  static func project() throws -> JSONSchema {
    JSONSchema(root: try JSONParser.parse(try ConfigsFolder.bytes(of: "schema.json")))
  }

  func accepts(_ json: String) throws -> Bool {
    try accepts(JSONParser.parse(Array(json.utf8)), root)
  }

  private func accepts(_ value: JSONValue, _ schema: JSONValue) throws -> Bool {
    for (keyword, argument) in schema.members where try !accepts(value, keyword, argument, in: schema) {
      return false
    }
    return true
  }

  private func accepts(
    _ value: JSONValue, _ keyword: String, _ argument: JSONValue, in schema: JSONValue
  ) throws -> Bool {
    switch keyword {
    case "$schema", "$defs", "title", "description", "default": return true
    case "$ref":
      let name = try #require(argument.string).replacing("#/$defs/", with: "")
      return try accepts(value, #require(root["$defs"]?[name]))
    case "type": return value.isType(argument.string)
    case "const": return value.isSame(as: argument)
    case "enum": return argument.items.contains { value.isSame(as: $0) }
    case "anyOf": return try argument.items.contains { try accepts(value, $0) }
    case "minimum": return try value.finiteDouble.map { try $0 >= #require(argument.finiteDouble) } ?? true
    case "maximum": return try value.finiteDouble.map { try $0 <= #require(argument.finiteDouble) } ?? true
    case "minLength": return try value.string.map { try $0.count >= #require(argument.integer) } ?? true
    case "pattern":
      let pattern = try NSRegularExpression(pattern: #require(argument.string))
      return value.string.map {
        pattern.firstMatch(in: $0, range: NSRange($0.startIndex..., in: $0)) != nil
      } ?? true
    case "properties":
      return try value.members.allSatisfy { name, member in
        try argument[name].map { try accepts(member, $0) } ?? true
      }
    case "required":
      guard case .object = value.content else { return true }
      return argument.items.allSatisfy { name in value[name.string ?? ""] != nil }
    case "additionalProperties":
      #expect(argument.boolean == false)
      return value.members.allSatisfy { name, _ in schema["properties"]?[name] != nil }
    case "items": return try value.items.allSatisfy { try accepts($0, argument) }
    case "minItems":
      guard case .array(let items) = value.content else { return true }
      return try items.count >= #require(argument.integer)
    case "uniqueItems":
      return value.items.indices.allSatisfy { i in
        value.items[..<i].allSatisfy { !$0.isSame(as: value.items[i]) }
      }
    default: throw UnknownKeyword(keyword: keyword)
    }
  }
}

extension JSONValue {
  /// An object's members by name; none for other values.
  var members: [(String, JSONValue)] {
    if case .object(let members) = content { members.map { ($0.key, $0.value) } } else { [] }
  }

  /// An array's items; none for other values.
  var items: [JSONValue] {
    if case .array(let items) = content { items } else { [] }
  }

  subscript(name: String) -> JSONValue? {
    members.first { $0.0 == name }?.1
  }

  /// The value as JSON text in one line.
  var text: String {
    switch content {
    case .array(let items): "[" + items.map(\.text).joined(separator: ",") + "]"
    case .object: "{" + members.map { "\"\($0)\":\($1.text)" }.joined(separator: ",") + "}"
    case .string(let string): "\"\(string)\""
    case .null, .boolean, .number: excerpt
    }
  }

  /// Whether two values are equal, wherever they stand in their documents.
  func isSame(as other: JSONValue) -> Bool {
    text == other.text
  }

  func isType(_ name: String?) -> Bool {
    switch content {
    case .null: name == "null"
    case .boolean: name == "boolean"
    case .number: name == "number" || (name == "integer" && integer != nil)
    case .string: name == "string"
    case .array: name == "array"
    case .object: name == "object"
    }
  }
}

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

import Foundation
import TestSupport

/// The keys that a configuration may have, after configs/schema.json.
struct ConfigurationSchema {
  /// Those of the document, and those of its objects as `datasets.gamma`.
  let keys: Set<String>

  /// Reads the schema.
  init() throws {
    let data = try Data(contentsOf: Repository.url.appending(path: "configs/schema.json"))
    keys = try JSONDecoder().decode(Node.self, from: data).keys(path: "")
  }

  private struct Node: Decodable {
    let properties: [String: Node]?

    func keys(path: String) -> Set<String> {
      (properties ?? [:]).reduce(into: path.isEmpty ? [] : [path]) { keys, property in
        keys.formUnion(property.value.keys(path: path.isEmpty ? property.key : "\(path).\(property.key)"))
      }
    }
  }
}

/// Where the datasets of one role lie in a file that is not divided into a group for each layer: a path from the root in which
/// `{layer}` stands for the layer's name, as in `grads/{layer}`, `params/{layer}/weight` or `{layer}_x`. Without it, one dataset serves all layers.
public struct DatasetPattern: Sendable, Equatable {
  /// What stands for a layer's name.
  public static let placeholder = "{layer}"

  /// The pattern as written, without a slash at its beginning.
  public let text: String
  /// What lies around the layer's name; the second is nil where that does not occur.
  private let before: String
  private let behind: String?

  /// - Returns: nil if it is no path from the root: empty, with an empty name or ".", or with a NUL; or if it names the layer twice.
  public init?(_ text: String) {
    let path = String(Substring(text.utf8.drop { $0 == UInt8(ascii: "/") }))
    let names = path.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
    guard names.allSatisfy({ !$0.isEmpty && !$0.elementsEqual(".".utf8) }), !path.utf8.contains(0) else {
      return nil
    }
    let parts = Self.divided(path)
    guard parts.count <= 2 else { return nil }
    self.text = path
    before = parts[0]
    behind = parts.count == 2 ? parts[1] : nil
  }

  /// True if it names the layer.
  public var namesLayer: Bool { behind != nil }

  /// The dataset's path, of the layer with this path.
  package func path(ofLayer layer: String) -> String {
    "/\(before)" + (behind.map { String(Substring(layer.utf8.drop { $0 == UInt8(ascii: "/") })) + $0 } ?? "")
  }

  /// The path of the layer whose dataset has this path; nil if it fits no layer.
  package func layer(ofPath path: String) -> String? {
    guard let behind else { return nil }
    let bytes = Array(path.utf8.drop { $0 == UInt8(ascii: "/") })
    let (start, end) = (before.utf8.count, bytes.count - behind.utf8.count)
    guard start < end, bytes.starts(with: before.utf8), bytes[end...].elementsEqual(behind.utf8) else {
      return nil
    }
    let name = bytes[start..<end]
    // A name in a path neither begins nor ends with a slash.
    guard name.first != UInt8(ascii: "/"), name.last != UInt8(ascii: "/") else { return nil }
    return "/" + String(decoding: name, as: UTF8.self)
  }

  /// The text between occurrences of the placeholder, by bytes: to Swift, an accent after a brace is one character with it.
  private static func divided(_ text: String) -> [String] {
    let (bytes, placeholder) = (Array(text.utf8), Array(placeholder.utf8))
    var parts: [[UInt8]] = [[]]
    var place = 0
    while place < bytes.count {
      if bytes[place...].starts(with: placeholder) {
        parts.append([])
        place += placeholder.count
      } else {
        parts[parts.count - 1].append(bytes[place])
        place += 1
      }
    }
    return parts.map { String(decoding: $0, as: UTF8.self) }
  }
}

extension JobConfiguration {
  /// Where the datasets of a role lie, in order of preference; nil for files that have a group for each layer, or none.
  package func patterns(for role: DatasetRole) -> [DatasetPattern]? {
    if datasets.nameLayers {
      return datasets.names(for: role).compactMap { DatasetPattern($0) }
    }
    guard groupedBy == .role else { return nil }
    return datasets.names(for: role).compactMap { DatasetPattern("\($0)/\(DatasetPattern.placeholder)") }
  }
}

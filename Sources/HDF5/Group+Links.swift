import CHDF5
import FileNames

/// Where a name leads in the end.
public enum LinkEnd: Hashable, Sendable {
  /// To an object of this file. The path has hard links only.
  case object(path: String, kind: Link.Kind)
  /// Nowhere: the path that it gives, or goes round in circles on.
  case nowhere(path: String)
  /// Into another file, which is not opened.
  case otherFile(file: String, path: String)
}

extension Group {
  /// Follows the soft links from a name, or from several joined by `/`, to the end; a link into another file is an end, too.
  ///
  /// The corresponding C functions are `H5Lget_info` and `H5Lget_val`.
  ///
  /// - Throws: if a link or a group on the way cannot be read.
  public func end(of name: String) throws(HDF5Error) -> LinkEnd {
    var (group, rest) = (self, name.pathComponents[...])
    var (hops, last) = (0, childPath(name))
    while let name = rest.popFirst() {
      guard try group.hasLink(name) else { return .nowhere(path: last) }
      switch try group.kind(of: name) {
      case .softLink:
        last = try group.softLinkPath(name)
        hops += 1
        // So many the library follows, too.
        guard hops <= 16 else { return .nowhere(path: last) }
        if last.utf8.first == UInt8(ascii: "/") { group = try openRoot() }
        rest = last.pathComponents.filter { $0 != "." } + rest
      case .externalLink:
        let (file, path) = try group.externalLinkPath(name)
        return .otherFile(file: file, path: path)
      case let kind:
        if rest.isEmpty { return .object(path: group.childPath(name), kind: kind) }
        guard kind == .group else { return .nowhere(path: last) }
        group = try group.group(name)
      }
    }
    return .object(path: group.path, kind: .group)
  }

  /// Whether there is something under this path, a link of whatever kind; soft links to groups on the way are followed.
  ///
  /// - Throws: if a link or a group on the way cannot be read.
  public func hasPath(_ path: String) throws(HDF5Error) -> Bool {
    let names = path.pathComponents
    guard let last = names.last, let group = try descendant(names.dropLast().joined(separator: "/")) else {
      return false
    }
    return try group.hasLink(last)
  }

  /// The group at a path below this one, through soft links, too; nil if there is none in the file.
  ///
  /// - Throws: if a link or a group on the way cannot be read.
  public func descendant(_ path: String) throws(HDF5Error) -> Group? {
    var group = self
    for name in path.pathComponents {
      guard case .object(let path, .group) = try group.end(of: name) else { return nil }
      group = try openRoot().group(path)
    }
    return group
  }

  /// What a name that is there stands for.
  private func kind(of name: String) throws(HDF5Error) -> Link.Kind {
    var type = H5L_TYPE_ERROR
    try call("H5Lget_info", to: "examine \(childPath(name))") {
      name.withFileName { chdf5_link_type(object.identifier, $0, &type) }
    }
    return kind(of: name.fileNameBytes.map { CChar(bitPattern: $0) } + [0], type)
  }

  private func openRoot() throws(HDF5Error) -> Group {
    let handle = try Handle(.group, "H5Gopen2", to: "open the root group of \(object.file.path)") {
      H5Gopen2(object.file.handle.identifier, "/", chdf5_default())
    }
    return Group(OpenObject(handle, file: object.file, path: "/"))
  }

  /// The path that a soft link gives.
  private func softLinkPath(_ name: String) throws(HDF5Error) -> String {
    String(fileName: try linkValue(name).prefix { $0 != 0 }.map { $0 })
  }

  /// The file and the path in it that an external link gives.
  private func externalLinkPath(_ name: String) throws(HDF5Error) -> (file: String, path: String) {
    // A byte of flags, then two texts that each end with a zero.
    let texts = try linkValue(name).dropFirst().split(
      separator: 0, maxSplits: 2, omittingEmptySubsequences: false)
    return (
      String(fileName: Array(texts.first ?? [])), String(fileName: Array(texts.dropFirst().first ?? []))
    )
  }

  /// The most bytes of a link's value: a file can state any number.
  private static let mostLinkBytes = 1 << 20

  private func linkValue(_ name: String) throws(HDF5Error) -> [UInt8] {
    var attempt: String { "read the link \(childPath(name))" }
    var size = 0
    try call("H5Lget_info", to: attempt) {
      name.withFileName { chdf5_link_value_size(object.identifier, $0, &size) }
    }
    try require(
      size <= Self.mostLinkBytes, "H5Lget_val", to: attempt, "it is larger than \(Self.mostLinkBytes) bytes")
    var bytes = [UInt8](repeating: 0, count: size + 1)
    try call("H5Lget_val", to: attempt) {
      name.withFileName { H5Lget_val(object.identifier, $0, &bytes, bytes.count, chdf5_default()) }
    }
    return bytes
  }
}

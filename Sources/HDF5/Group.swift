import CHDF5
import CSupervision
import FileNames

/// A group: names for datasets and further groups.
public final class Group: AttributeHolder {
  /// For use inside this module.
  public let object: OpenObject

  init(_ object: OpenObject) { self.object = object }

  /// The path from the root by which it was opened; `/` for the root.
  public var path: String { object.path }

  /// Which object this is; a group that is met again inside itself has the same address.
  ///
  /// The corresponding C function is `H5Oget_info2`.
  public var address: ObjectAddress {
    get throws(HDF5Error) {
      var info = chdf5_object()
      try call("H5Oget_info2", to: "examine \(path)") { chdf5_object_info(object.identifier, &info) }
      return ObjectAddress(fileNumber: info.file_number, offset: UInt64(info.address))
    }
  }

  /// All names in this group, sorted by their Unicode scalars.
  ///
  /// The corresponding C function is `H5Literate`.
  ///
  /// - Throws: if the group cannot be read. An object in it that cannot is told by its ``Link/Kind``.
  public func links() throws(HDF5Error) -> [Link] {
    var attempt: String { "list group \(path)" }
    var list = LinkList(limit: try object.file.size(to: attempt) / Self.leastBytesOfLink)
    try call("H5Literate", to: attempt) {
      withUnsafeMutablePointer(to: &list) { pointer in
        // The visitor only takes notes; asking about objects waits until the library is done walking.
        chdf5_each_link(
          object.identifier,
          { name, type, context in
            guard let name, let context else { return -1 }
            let list = context.assumingMemoryBound(to: LinkList.self)
            guard list.pointee.entries.count < list.pointee.limit else { return -1 }
            supervision_proceed()
            var bytes: [CChar] = []
            var next = name
            while next.pointee != 0 {
              bytes.append(next.pointee)
              next += 1
            }
            list.pointee.entries.append((bytes + [0], type))
            return 0
          }, pointer)
      }
    }
    var links: [Link] = []
    for entry in list.entries {
      let name = String(fileName: entry.name.dropLast().map(UInt8.init(bitPattern:)))
      links.append(Link(name: name, kind: kind(of: entry.name, entry.type)))
    }
    return links.sorted { $0.name.unicodeScalars.lexicographicallyPrecedes($1.name.unicodeScalars) }
  }

  /// Whether this group has the name, of whatever kind.
  ///
  /// The corresponding C function is `H5Lexists`.
  public func hasLink(_ name: String) throws(HDF5Error) -> Bool {
    var attempt: String { "look for \(childPath(name))" }
    try Self.validate(name, "H5Lexists", to: attempt)
    return try call("H5Lexists", to: attempt) {
      name.withFileName { H5Lexists(object.identifier, $0, chdf5_default()) }
    } > 0
  }

  /// Opens a group in this one.
  ///
  /// The corresponding C function is `H5Gopen2`.
  ///
  /// - Parameter name: the name of a hard link, or several joined by `/`.
  /// - Throws: if there is none, it is a soft or external link, or no group.
  public func group(_ name: String) throws(HDF5Error) -> Group {
    var group = self
    for component in try components(name, "H5Gopen2") { group = try group.child(component) }
    return group
  }

  /// Opens a dataset in this group.
  ///
  /// The corresponding C function is `H5Dopen2`.
  ///
  /// - Parameters:
  ///   - name: the name of a hard link, or several joined by `/`.
  ///   - chunkCacheByteCount: how much the library keeps of the chunks that it has decoded, nil for its 1 MiB. A
  ///     chunk that does not fit is decoded again for every read that touches it.
  /// - Throws: if there is none, it is a soft or external link, no dataset, or its description makes no sense.
  public func dataset(_ name: String, chunkCacheByteCount: Int? = nil) throws(HDF5Error) -> Dataset {
    var group = self
    let components = try components(name, "H5Dopen2")
    for component in components.dropLast() { group = try group.child(component) }
    let last = components.last ?? ""
    let path = group.childPath(last)
    var attempt: String { "open dataset \(path)" }
    try group.requireHardLink(last, "H5Dopen2", to: attempt)
    let access = try Dataset.accessProperties(chunkCacheByteCount: chunkCacheByteCount, to: attempt)
    let handle = try Handle(.dataset, "H5Dopen2", to: attempt) {
      last.withFileName { H5Dopen2(group.object.identifier, $0, access?.identifier ?? chdf5_default()) }
    }
    return try Dataset(OpenObject(handle, file: object.file, path: path))
  }

  /// Opens the group with this one name.
  private func child(_ name: String) throws(HDF5Error) -> Group {
    let path = childPath(name)
    var attempt: String { "open group \(path)" }
    try requireHardLink(name, "H5Gopen2", to: attempt)
    let handle = try Handle(.group, "H5Gopen2", to: attempt) {
      name.withFileName { H5Gopen2(object.identifier, $0, chdf5_default()) }
    }
    return Group(OpenObject(handle, file: object.file, path: path))
  }

  /// What a link stands for; `name` ends with a zero.
  func kind(of name: [CChar], _ type: H5L_type_t) -> Link.Kind {
    switch type {
    case H5L_TYPE_SOFT: return .softLink
    case H5L_TYPE_EXTERNAL: return .externalLink
    case H5L_TYPE_HARD: break
    default: return .other
    }
    // The library would take such a name for a path and perhaps follow other links.
    let bytes = name.dropLast()
    guard !bytes.isEmpty, bytes != [0x2E], !bytes.contains(0x2F) else { return .other }
    var info = chdf5_object()
    do {
      try call(
        "H5Oget_info_by_name2",
        to: "examine \(childPath(String(fileName: bytes.map(UInt8.init(bitPattern:)))))"
      ) {
        chdf5_object_info_by_name(object.identifier, name, &info)
      }
    } catch {
      return .damaged
    }
    switch info.type {
    case H5O_TYPE_GROUP: return .group
    case H5O_TYPE_DATASET: return .dataset
    case H5O_TYPE_NAMED_DATATYPE: return .namedType
    default: return .other
    }
  }
}

extension Group {
  /// Creates a group in this one.
  ///
  /// The corresponding C function is `H5Gcreate2`.
  ///
  /// - Parameter name: one name, without `/`.
  /// - Throws: if the name is taken or the file is open for reading only.
  public func createGroup(_ name: String) throws(HDF5Error) -> Group {
    let path = childPath(name)
    var attempt: String { "create group \(path)" }
    try Self.validate(name, "H5Gcreate2", to: attempt)
    let links = try Self.linkProperties(for: name, to: attempt)
    let creation = try Handle(.propertyList, "H5Pcreate", to: attempt) {
      H5Pcreate(chdf5_group_creation())
    }
    // No clock times in the file: equal runs give equal bytes.
    try call("H5Pset_obj_track_times", to: attempt) {
      H5Pset_obj_track_times(creation.identifier, false)
    }
    let handle = try Handle(.group, "H5Gcreate2", to: attempt) {
      name.withFileName {
        H5Gcreate2(object.identifier, $0, links.identifier, creation.identifier, chdf5_default())
      }
    }
    return Group(OpenObject(handle, file: object.file, path: path))
  }

  /// Creates a dataset in this group.
  ///
  /// The corresponding C function is `H5Dcreate2`.
  ///
  /// - Parameters:
  ///   - name: one name, without `/`.
  ///   - type: the format of its numbers in the file.
  ///   - shape: the lengths of its axes, `[]` for a single number.
  ///   - storage: how the numbers are to lie in the file.
  /// - Throws: if the name is taken, the file is open for reading only, or the storage does not suit the shape.
  public func createDataset(
    _ name: String, type: NumericType, shape: [Int], storage: StorageRequest
  ) throws(HDF5Error) -> Dataset {
    let path = childPath(name)
    var attempt: String { "create dataset \(path) of shape \(shape)" }
    try Self.validate(name, "H5Dcreate2", to: attempt)
    let datatype = try type.makeDatatype()
    let space = try Dataspace.simple(shape, to: attempt)
    let links = try Self.linkProperties(for: name, to: attempt)
    let creation = try storage.makeProperties(to: attempt)
    let handle = try Handle(.dataset, "H5Dcreate2", to: attempt) {
      name.withFileName {
        H5Dcreate2(
          object.identifier, $0, datatype.identifier, space.identifier, links.identifier,
          creation.identifier, chdf5_default())
      }
    }
    return try Dataset(OpenObject(handle, file: object.file, path: path))
  }

  /// Link properties that declare a name as UTF-8 if it is.
  private static func linkProperties(for name: String, to attempt: @autoclosure () -> String)
    throws(HDF5Error)
    -> Handle
  {
    let properties = try Handle(.propertyList, "H5Pcreate", to: attempt()) {
      H5Pcreate(chdf5_link_creation())
    }
    guard name.isFileNameText else { return properties }
    try call("H5Pset_char_encoding", to: attempt()) {
      H5Pset_char_encoding(properties.identifier, H5T_CSET_UTF8)
    }
    return properties
  }
}

extension Group {
  /// The path of an object with this name in this group.
  func childPath(_ name: String) -> String { path == "/" ? "/" + name : path + "/" + name }

  /// The names of a path relative to this group; a leading `/` is allowed in the root group, whose own path is `/`.
  func components(_ name: String, _ function: StaticString) throws(HDF5Error) -> [String] {
    var attempt: String { "open \(childPath(name))" }
    try require(
      name.utf8.first != UInt8(ascii: "/") || path == "/", function, to: attempt,
      "\(name) is a path from the root, and this group is \(path)")
    try require(!name.isEmpty, function, to: attempt, "the name is empty")
    let components = name.pathComponents
    for component in components { try Self.validate(component, function, to: attempt) }
    return components
  }

  /// Refuses what the library would not take for one name.
  static func validate(
    _ name: String, _ function: StaticString, to attempt: @autoclosure () -> String
  ) throws(HDF5Error) {
    try require(
      !name.isEmpty && name != "." && !name.utf8.contains(0) && !name.utf8.contains(UInt8(ascii: "/")),
      function, to: attempt(), "'\(name)' is not a name")
  }

  /// Refuses a name that is missing or leads somewhere else.
  func requireHardLink(
    _ name: String, _ function: StaticString, to attempt: @autoclosure () -> String
  ) throws(HDF5Error) {
    try Self.validate(name, function, to: attempt())
    let exists = try call("H5Lexists", to: attempt()) {
      name.withFileName { H5Lexists(object.identifier, $0, chdf5_default()) }
    }
    try require(exists > 0, function, to: attempt(), "there is no '\(name)' in \(path)")
    var type = H5L_TYPE_ERROR
    try call("H5Lget_info", to: attempt()) {
      name.withFileName { chdf5_link_type(object.identifier, $0, &type) }
    }
    let kind = type == H5L_TYPE_SOFT ? "a soft link" : "an external link"
    try require(
      type == H5L_TYPE_HARD, function, to: attempt(), "it is \(kind), and only hard links are followed")
  }
}

/// What is noted of a group's links while the library walks through them.
private struct LinkList {
  /// A file whose index of links leads back into itself has no end of them.
  let limit: Int
  var entries: [(name: [CChar], type: H5L_type_t)] = []
}

extension Group {
  /// No format takes less than this for a name and where it leads.
  fileprivate static let leastBytesOfLink = 8
}

/// A name in a group.
public struct Link: Hashable, Sendable {
  /// What a name stands for. Only hard links are followed to find out.
  public enum Kind: Hashable, Sendable {
    /// A hard link to a group.
    case group
    /// A hard link to a dataset.
    case dataset
    /// A hard link to a type.
    case namedType
    /// A path in the same file, which may lead nowhere or in a circle.
    case softLink
    /// A path in another file.
    case externalLink
    /// A hard link to an object that the library cannot read.
    case damaged
    /// Any other.
    case other
  }

  /// The text that stands for the name, which need not be UTF-8: see `String.init(fileName:)`.
  public let name: String
  /// What it stands for.
  public let kind: Kind
}

extension String {
  /// The names of a path, divided where a byte is that of `/`: to Swift, a slash before an accent is another character.
  public var pathComponents: [String] {
    utf8.split(separator: UInt8(ascii: "/")).map { String(Substring($0)) }
  }

  /// Whether this is the same name: to Swift, an é of one code point equals one of two, and to a file they are two names.
  public func isSameName(as other: String) -> Bool { utf8.elementsEqual(other.utf8) }
}

/// Which object a handle stands for: equal for one object, whichever of its hard links it was opened by.
public struct ObjectAddress: Hashable, Sendable {
  /// The library's number for the open file.
  public let fileNumber: UInt
  /// Where the object's header lies in the file.
  public let offset: UInt64
}

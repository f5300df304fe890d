import CHDF5

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
  /// - Throws: if the group, or the header of an object with a hard link in it, cannot be read.
  public func links() throws(HDF5Error) -> [Link] {
    typealias Entry = (name: [CChar], type: H5L_type_t)
    var entries: [Entry] = []
    try call("H5Literate", to: "list group \(path)") {
      withUnsafeMutablePointer(to: &entries) { pointer in
        // The visitor only takes notes; asking about objects waits until the library is done walking.
        chdf5_each_link(
          object.identifier,
          { name, type, context in
            guard let name, let context else { return }
            var bytes: [CChar] = []
            var next = name
            while next.pointee != 0 {
              bytes.append(next.pointee)
              next += 1
            }
            context.assumingMemoryBound(to: [Entry].self).pointee.append((bytes + [0], type))
          }, pointer)
      }
    }
    var links: [Link] = []
    for entry in entries {
      links.append(Link(name: String(repairing: entry.name), kind: try kind(of: entry.name, entry.type)))
    }
    return links.sorted { $0.name.unicodeScalars.lexicographicallyPrecedes($1.name.unicodeScalars) }
  }

  /// Whether this group has the name, of whatever kind.
  ///
  /// The corresponding C function is `H5Lexists`.
  public func hasLink(_ name: String) throws(HDF5Error) -> Bool {
    let attempt = "look for \(childPath(name))"
    try Self.validate(name, "H5Lexists", to: attempt)
    return try call("H5Lexists", to: attempt) { H5Lexists(object.identifier, name, chdf5_default()) } > 0
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
    let attempt = "open dataset \(path)"
    try group.requireHardLink(last, "H5Dopen2", to: attempt)
    let access = try Dataset.accessProperties(chunkCacheByteCount: chunkCacheByteCount, to: attempt)
    let handle = try Handle(.dataset, "H5Dopen2", to: attempt) {
      H5Dopen2(group.object.identifier, last, access.identifier)
    }
    return try Dataset(OpenObject(handle, file: object.file, path: path))
  }

  /// Opens the group with this one name.
  private func child(_ name: String) throws(HDF5Error) -> Group {
    let path = childPath(name)
    let attempt = "open group \(path)"
    try requireHardLink(name, "H5Gopen2", to: attempt)
    let handle = try Handle(.group, "H5Gopen2", to: attempt) {
      H5Gopen2(object.identifier, name, chdf5_default())
    }
    return Group(OpenObject(handle, file: object.file, path: path))
  }

  private func kind(of name: [CChar], _ type: H5L_type_t) throws(HDF5Error) -> Link.Kind {
    switch type {
    case H5L_TYPE_SOFT: return .softLink
    case H5L_TYPE_EXTERNAL: return .externalLink
    case H5L_TYPE_HARD: break
    default: return .other
    }
    // The library would take such a name for a path and perhaps follow other links.
    let text = String(repairing: name)
    guard text != ".", !text.isEmpty, !text.contains("/") else { return .other }
    var info = chdf5_object()
    try call("H5Oget_info_by_name2", to: "examine \(childPath(text))") {
      chdf5_object_info_by_name(object.identifier, name, &info)
    }
    switch info.type {
    case H5O_TYPE_GROUP: return .group
    case H5O_TYPE_DATASET: return .dataset
    case H5O_TYPE_NAMED_DATATYPE: return .namedType
    default: return .other
    }
  }
}

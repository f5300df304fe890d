import CHDF5

/// A group or dataset: what can have attributes, small named values beside the data.
public protocol AttributeHolder: Sendable {
  /// For use inside this module.
  var object: OpenObject { get }
}

extension AttributeHolder {
  /// The names of all attributes, sorted by their Unicode scalars, with invalid UTF-8 repaired.
  ///
  /// For files of one's own: on a damaged attribute the library's 1.10.8 can crash here, where looking attributes up by
  /// name throws.
  ///
  /// The corresponding C function is `H5Aiterate2`.
  public func attributeNames() throws(HDF5Error) -> [String] {
    var names: [String] = []
    try call("H5Aiterate2", to: "list the attributes of \(object.path)") {
      withUnsafeMutablePointer(to: &names) { pointer in
        H5Aiterate2(
          object.identifier, H5_INDEX_NAME, H5_ITER_NATIVE, nil,
          { _, name, _, context in
            guard let name, let context else { return 0 }
            context.assumingMemoryBound(to: [String].self).pointee.append(String(cString: name))
            return 0
          }, pointer)
      }
    }
    return names.sorted { $0.unicodeScalars.lexicographicallyPrecedes($1.unicodeScalars) }
  }

  /// Whether there is an attribute of this name.
  ///
  /// The corresponding C function is `H5Aexists`.
  public func attributeExists(_ name: String) throws(HDF5Error) -> Bool {
    let attempt = "look for attribute '\(name)' of \(object.path)"
    try require(
      !name.isEmpty && !name.utf8.contains(0), "H5Aexists", to: attempt, "'\(name)' is not a name")
    return try call("H5Aexists", to: attempt) { H5Aexists(object.identifier, name) } > 0
  }
}

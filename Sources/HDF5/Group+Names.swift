import CHDF5

extension Group {
  /// The path of an object with this name in this group.
  func childPath(_ name: String) -> String { path == "/" ? "/" + name : path + "/" + name }

  /// The names of a path relative to this group; a leading `/` is allowed in the root group, whose own path is `/`.
  func components(_ name: String, _ function: StaticString) throws(HDF5Error) -> [String] {
    let attempt = "open \(childPath(name))"
    try require(
      !name.hasPrefix("/") || path == "/", function, to: attempt,
      "\(name) is a path from the root, and this group is \(path)")
    try require(!name.isEmpty, function, to: attempt, "the name is empty")
    let components = name.split(separator: "/").map(String.init)
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
      H5Lexists(object.identifier, name, chdf5_default())
    }
    try require(exists > 0, function, to: attempt(), "there is no '\(name)' in \(path)")
    var type = H5L_TYPE_ERROR
    try call("H5Lget_info", to: attempt()) { chdf5_link_type(object.identifier, name, &type) }
    let kind = type == H5L_TYPE_SOFT ? "a soft link" : "an external link"
    try require(
      type == H5L_TYPE_HARD, function, to: attempt(), "it is \(kind), and only hard links are followed")
  }
}

import CHDF5

extension Group {
  /// Creates a group in this one.
  ///
  /// The corresponding C function is `H5Gcreate2`.
  ///
  /// - Parameter name: one name, without `/`.
  /// - Throws: if the name is taken or the file is open for reading only.
  public func createGroup(_ name: String) throws(HDF5Error) -> Group {
    let path = childPath(name)
    let attempt = "create group \(path)"
    try Self.validate(name, "H5Gcreate2", to: attempt)
    let links = try Self.linkProperties(to: attempt)
    let creation = try Handle(.propertyList, "H5Pcreate", to: attempt) {
      H5Pcreate(chdf5_group_creation())
    }
    // No clock times in the file: equal runs give equal bytes.
    try call("H5Pset_obj_track_times", to: attempt) {
      H5Pset_obj_track_times(creation.identifier, false)
    }
    let handle = try Handle(.group, "H5Gcreate2", to: attempt) {
      H5Gcreate2(object.identifier, name, links.identifier, creation.identifier, chdf5_default())
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
    let attempt = "create dataset \(path) of shape \(shape)"
    try Self.validate(name, "H5Dcreate2", to: attempt)
    let datatype = try type.makeDatatype()
    let space = try Dataspace.simple(shape, to: attempt)
    let links = try Self.linkProperties(to: attempt)
    let creation = try storage.makeProperties(to: attempt)
    let handle = try Handle(.dataset, "H5Dcreate2", to: attempt) {
      H5Dcreate2(
        object.identifier, name, datatype.identifier, space.identifier, links.identifier,
        creation.identifier, chdf5_default())
    }
    return try Dataset(OpenObject(handle, file: object.file, path: path))
  }

  /// Link properties that declare names as what Swift passes: UTF-8.
  private static func linkProperties(to attempt: @autoclosure () -> String) throws(HDF5Error) -> Handle {
    let properties = try Handle(.propertyList, "H5Pcreate", to: attempt()) {
      H5Pcreate(chdf5_link_creation())
    }
    try call("H5Pset_char_encoding", to: attempt()) {
      H5Pset_char_encoding(properties.identifier, H5T_CSET_UTF8)
    }
    return properties
  }
}

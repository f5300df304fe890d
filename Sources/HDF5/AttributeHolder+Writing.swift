import CHDF5

extension AttributeHolder {
  /// Writes an attribute of one string, UTF-8 of fixed length; replaces one of the same name.
  ///
  /// The corresponding C function is `H5Awrite`.
  ///
  /// - Throws: if the file is open for reading only or the library refuses.
  public func writeAttribute(_ name: String, _ value: String) throws(HDF5Error) {
    try writeStrings(name, [value], shape: [])
  }

  /// Writes an attribute of strings, UTF-8 of one fixed length; replaces one of the same name.
  ///
  /// The corresponding C function is `H5Awrite`.
  ///
  /// - Throws: if the file is open for reading only or the library refuses.
  public func writeAttribute(_ name: String, _ values: [String]) throws(HDF5Error) {
    try writeStrings(name, values, shape: [values.count])
  }

  /// Writes an attribute of one number, a `float64`; replaces one of the same name.
  ///
  /// The corresponding C function is `H5Awrite`.
  ///
  /// - Throws: if the file is open for reading only or the library refuses.
  public func writeAttribute(_ name: String, _ value: Double) throws(HDF5Error) {
    var value = value
    try write(name, try NumericType.float64.makeDatatype(), shape: [], &value)
  }

  /// Writes an attribute of one number, an `int64`; replaces one of the same name.
  ///
  /// The corresponding C function is `H5Awrite`.
  ///
  /// - Throws: if the file is open for reading only or the library refuses.
  public func writeAttribute(_ name: String, _ value: Int) throws(HDF5Error) {
    var value = value
    try write(name, try NumericType.int64.makeDatatype(), shape: [], &value)
  }

  private func writeStrings(_ name: String, _ values: [String], shape: [Int]) throws(HDF5Error) {
    let attempt = "write attribute '\(name)' of \(object.path)"
    // The library knows no string of length 0; an empty one is a byte of padding.
    let length = max(1, values.map(\.utf8.count).max() ?? 0)
    let datatype = try Handle(.datatype, "H5Tcopy", to: attempt) { H5Tcopy(chdf5_c_string_type()) }
    try call("H5Tset_size", to: attempt) { H5Tset_size(datatype.identifier, length) }
    try call("H5Tset_cset", to: attempt) { H5Tset_cset(datatype.identifier, H5T_CSET_UTF8) }
    try call("H5Tset_strpad", to: attempt) { H5Tset_strpad(datatype.identifier, H5T_STR_NULLPAD) }
    var bytes: [UInt8] = []
    for value in values {
      bytes += value.utf8
      bytes += [UInt8](repeating: 0, count: length - value.utf8.count)
    }
    try write(name, datatype, shape: shape, &bytes)
  }

  /// `values` points to elements of `datatype` in this shape.
  private func write(
    _ name: String, _ datatype: Handle, shape: [Int], _ values: UnsafeRawPointer
  ) throws(HDF5Error) {
    let attempt = "write attribute '\(name)' of \(object.path)"
    if try attributeExists(name) {
      try call("H5Adelete", to: attempt) { H5Adelete(object.identifier, name) }
    }
    let space = try Dataspace.simple(shape, to: attempt)
    let attribute = try Handle(.attribute, "H5Acreate2", to: attempt) {
      H5Acreate2(
        object.identifier, name, datatype.identifier, space.identifier, chdf5_default(), chdf5_default())
    }
    if !shape.contains(0) {
      try call("H5Awrite", to: attempt) { H5Awrite(attribute.identifier, datatype.identifier, values) }
    }
    try attribute.close(to: attempt)
  }
}

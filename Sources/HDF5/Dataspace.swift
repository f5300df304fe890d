import CHDF5

/// Shapes as the library knows them.
enum Dataspace {
  /// A new dataspace of this shape; `[]` is a scalar.
  ///
  /// The corresponding C function is `H5Screate_simple`.
  static func simple(_ shape: [Int], to attempt: @autoclosure () -> String) throws(HDF5Error) -> Handle {
    guard !shape.isEmpty else {
      return try Handle(.dataspace, "H5Screate", to: attempt()) { H5Screate(H5S_SCALAR) }
    }
    let extents = try extents(shape, "H5Screate_simple", to: attempt())
    return try Handle(.dataspace, "H5Screate_simple", to: attempt()) {
      H5Screate_simple(Int32(extents.count), extents, nil)
    }
  }

  /// The shape of a dataspace; `[]` for a scalar, nil for a null dataspace, which has no elements at all.
  ///
  /// The corresponding C function is `H5Sget_simple_extent_dims`.
  static func shape(of space: Handle, to attempt: @autoclosure () -> String) throws(HDF5Error) -> [Int]? {
    let kind = try call("H5Sget_simple_extent_type", to: attempt()) {
      H5Sget_simple_extent_type(space.identifier).rawValue
    }
    guard kind != H5S_NULL.rawValue else { return nil }
    let rank = try call("H5Sget_simple_extent_ndims", to: attempt()) {
      H5Sget_simple_extent_ndims(space.identifier)
    }
    var extents = [hsize_t](repeating: 0, count: Int(rank))
    try call("H5Sget_simple_extent_dims", to: attempt()) {
      H5Sget_simple_extent_dims(space.identifier, &extents, nil)
    }
    var shape: [Int] = []
    for extent in extents {
      guard let length = Int(exactly: extent) else {
        throw HDF5Error(
          function: "H5Sget_simple_extent_dims", attempt: attempt(), reason: "an axis has \(extent) elements")
      }
      shape.append(length)
    }
    return shape
  }

  /// Lengths or offsets as the library's unsigned numbers.
  ///
  /// - Throws: if one is negative, which would arrive as a huge number.
  static func extents(
    _ numbers: [Int], _ function: StaticString, to attempt: @autoclosure () -> String
  ) throws(HDF5Error) -> [hsize_t] {
    try require(numbers.allSatisfy { $0 >= 0 }, function, to: attempt(), "\(numbers) has a negative number")
    return numbers.map { hsize_t($0) }
  }

  /// The product of the axes, 1 for a scalar.
  ///
  /// - Returns: nil if it does not fit. Zeros do not hide an overflow of the others.
  static func product(_ numbers: some Sequence<Int>) -> Int? {
    var product = 1
    var isEmpty = false
    for number in numbers {
      if number == 0 {
        isEmpty = true
        continue
      }
      let (next, overflows) = product.multipliedReportingOverflow(by: number)
      if overflows { return nil }
      product = next
    }
    return isEmpty ? 0 : product
  }
}

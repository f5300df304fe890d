import CHDF5

/// A range of one of the axes behind the first.
public struct AxisRange: Sendable {
  /// From 1.
  public let axis: Int
  /// Indices along it.
  public let range: Range<Int>

  /// Part of an axis.
  public init(axis: Int, _ range: Range<Int>) {
    self.axis = axis
    self.range = range
  }
}

extension Dataset {
  /// Reads rows, or of each row a range along another axis, converting them to `type`.
  ///
  /// The corresponding C function is `H5Dread`.
  ///
  /// - Parameters:
  ///   - range: the rows.
  ///   - part: what is read of each row; nil for all of it.
  ///   - type: the format of the numbers in memory. Integers that do not fit become the nearest that does.
  ///   - buffer: exactly the numbers of these rows, of this type, in the order of the file.
  /// - Throws: if there are no such rows, the buffer has another size, or reading fails.
  public func read(
    leading range: Range<Int>, of part: AxisRange? = nil, as type: NumericType,
    into buffer: UnsafeMutableRawBufferPointer
  ) throws(HDF5Error) {
    let attempt = "read rows \(range.lowerBound)..<\(range.upperBound) of \(path)"
    try validate(range, part, type, byteCount: buffer.count, "H5Dread", to: attempt)
    guard !buffer.isEmpty else { return }
    let datatype = try type.makeDatatype()
    let spaces = try select(range, part, to: attempt)
    try call("H5Dread", to: attempt) {
      ChunkBeingRead.$current.withValue(chunkToRead) {
        H5Dread(
          object.identifier, datatype.identifier, spaces.memory.identifier, spaces.file.identifier,
          chdf5_default(), buffer.baseAddress)
      }
    }
  }

  /// Writes rows, converting them from `type`.
  ///
  /// The corresponding C function is `H5Dwrite`.
  ///
  /// - Parameters:
  ///   - range: the rows.
  ///   - type: the format of the numbers in memory.
  ///   - buffer: (rows, ``rowElementCount``) numbers of this type, exactly.
  /// - Throws: if there are no such rows, the buffer has another size, or writing fails. With a full disk writing can
  ///   succeed and only ``File/close()`` fail.
  public func write(
    leading range: Range<Int>, as type: NumericType, from buffer: UnsafeRawBufferPointer
  ) throws(HDF5Error) {
    let attempt = "write rows \(range.lowerBound)..<\(range.upperBound) of \(path)"
    try validate(range, nil, type, byteCount: buffer.count, "H5Dwrite", to: attempt)
    guard !buffer.isEmpty else { return }
    let datatype = try type.makeDatatype()
    let spaces = try select(range, nil, to: attempt)
    try call("H5Dwrite", to: attempt) {
      H5Dwrite(
        object.identifier, datatype.identifier, spaces.memory.identifier, spaces.file.identifier,
        chdf5_default(), buffer.baseAddress)
    }
  }

  /// Refuses rows that do not exist and a buffer whose size is not theirs: the library knows no buffer's size.
  private func validate(
    _ range: Range<Int>, _ part: AxisRange?, _ type: NumericType, byteCount: Int, _ function: StaticString,
    to attempt: @autoclosure () -> String
  ) throws(HDF5Error) {
    try require(
      range.lowerBound >= 0 && range.upperBound <= rowCount, function, to: attempt(),
      "it has \(rowCount) rows")
    var numbersPerRow = rowElementCount
    if let part {
      try require(
        shape.indices.dropFirst().contains(part.axis) && part.range.lowerBound >= 0
          && part.range.upperBound <= shape[part.axis], function, to: attempt(),
        "its shape is \(shape), and \(part.range) of axis \(part.axis) is asked for")
      numbersPerRow = shape[part.axis] == 0 ? 0 : rowElementCount / shape[part.axis] * part.range.count
    }
    try require(
      byteCount == Dataspace.product([range.count, numbersPerRow, type.byteCount]), function, to: attempt(),
      "the buffer has \(byteCount) bytes for (\(range.count), \(numbersPerRow)) numbers of \(type)")
  }

  /// The numbers in memory and in the file, as dataspaces of the same rank: the library is fastest with equal shapes.
  private func select(
    _ range: Range<Int>, _ part: AxisRange?, to attempt: @autoclosure () -> String
  ) throws(HDF5Error) -> (memory: Handle, file: Handle) {
    let file = try Dataspace.simple(shape, to: attempt())
    guard !shape.isEmpty else { return (try Dataspace.simple([], to: attempt()), file) }
    var start = [hsize_t](repeating: 0, count: shape.count)
    start[0] = hsize_t(range.lowerBound)
    var counts = [range.count] + shape.dropFirst()
    if let part {
      start[part.axis] = hsize_t(part.range.lowerBound)
      counts[part.axis] = part.range.count
    }
    let lengths = try Dataspace.extents(counts, "H5Sselect_hyperslab", to: attempt())
    try call("H5Sselect_hyperslab", to: attempt()) {
      H5Sselect_hyperslab(file.identifier, H5S_SELECT_SET, start, nil, lengths, nil)
    }
    return (try Dataspace.simple(counts, to: attempt()), file)
  }
}

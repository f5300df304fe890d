import CHDF5

extension Dataset {
  /// The most elements that the functions for whole small datasets take: 512 MiB of Doubles. A file can state any shape
  /// without holding the data.
  public static let smallElementLimit = 1 << 26

  /// Reads a whole small dataset of numbers as Doubles, in the order of the file. 64-bit integers are rounded.
  ///
  /// The corresponding C function is `H5Dread`.
  ///
  /// - Throws: if its elements are not numbers, there are more than ``smallElementLimit``, or reading fails.
  public func readDoubles() throws(HDF5Error) -> [Double] {
    let attempt = "read \(path)"
    _ = try numericType("H5Dread", to: attempt)
    try requireSmall("H5Dread", to: attempt)
    var values = [Double](repeating: 0, count: elementCount)
    try readWhole(as: .float64, into: &values, to: attempt)
    return values
  }

  /// Reads a whole small dataset of integers, in the order of the file.
  ///
  /// The corresponding C function is `H5Dread`.
  ///
  /// - Throws: if its elements are not integers, one exceeds `Int.max`, there are more than ``smallElementLimit``, or
  ///   reading fails.
  public func readIntegers() throws(HDF5Error) -> [Int] {
    let attempt = "read \(path)"
    let type = try numericType("H5Dread", to: attempt)
    try require(!type.kind.isFloat, "H5Dread", to: attempt, "its elements are \(type), not integers")
    try requireSmall("H5Dread", to: attempt)
    guard type.kind == .uint64 else {
      var values = [Int](repeating: 0, count: elementCount)
      try readWhole(as: .int64, into: &values, to: attempt)
      return values
    }
    var values = [UInt64](repeating: 0, count: elementCount)
    try readWhole(as: .native(.uint64), into: &values, to: attempt)
    if let tooLarge = values.first(where: { $0 > Int.max }) {
      throw HDF5Error(
        function: "H5Dread", attempt: attempt,
        reason: "\(tooLarge) is more than a signed 64-bit integer holds")
    }
    return values.map { Int($0) }
  }

  /// Writes a whole dataset of numbers, converting to its type.
  ///
  /// The corresponding C function is `H5Dwrite`.
  ///
  /// - Throws: if its elements are not numbers, their count differs, or writing fails.
  public func writeDoubles(_ values: [Double]) throws(HDF5Error) {
    try writeWhole(values, as: .float64)
  }

  /// Writes a whole dataset of numbers, converting to its type. Integers that do not fit become the nearest that does.
  ///
  /// The corresponding C function is `H5Dwrite`.
  ///
  /// - Throws: if its elements are not numbers, their count differs, or writing fails.
  public func writeIntegers(_ values: [Int]) throws(HDF5Error) {
    try writeWhole(values, as: .int64)
  }

  private func numericType(
    _ function: StaticString, to attempt: @autoclosure () -> String
  ) throws(HDF5Error) -> NumericType {
    guard let numericType = type.numericType else {
      throw HDF5Error(
        function: "\(function)", attempt: attempt(), reason: "its elements are not numbers: \(type)")
    }
    return numericType
  }

  private func requireSmall(
    _ function: StaticString, to attempt: @autoclosure () -> String
  ) throws(HDF5Error) {
    try require(
      elementCount <= Self.smallElementLimit, function, to: attempt(),
      "it has \(elementCount) elements, and at most \(Self.smallElementLimit) are expected here")
  }

  /// `values` has ``elementCount`` numbers of `type`.
  private func readWhole<Value: BitwiseCopyable>(
    as type: NumericType, into values: inout [Value], to attempt: @autoclosure () -> String
  ) throws(HDF5Error) {
    guard !values.isEmpty else { return }
    let datatype = try type.makeDatatype()
    try call("H5Dread", to: attempt()) {
      ChunkBeingRead.$current.withValue(chunkToRead) {
        H5Dread(
          object.identifier, datatype.identifier, chdf5_whole_space(), chdf5_whole_space(),
          chdf5_default(), &values)
      }
    }
  }

  private func writeWhole<Value: BitwiseCopyable>(
    _ values: [Value], as type: NumericType
  ) throws(HDF5Error) {
    let attempt = "write \(path)"
    _ = try numericType("H5Dwrite", to: attempt)
    try require(
      values.count == elementCount, "H5Dwrite", to: attempt,
      "\(values.count) numbers are given for \(elementCount) elements")
    guard !values.isEmpty else { return }
    let datatype = try type.makeDatatype()
    try call("H5Dwrite", to: attempt) {
      H5Dwrite(
        object.identifier, datatype.identifier, chdf5_whole_space(), chdf5_whole_space(),
        chdf5_default(), values)
    }
  }
}

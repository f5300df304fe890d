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
  ///   - type: the format of the numbers in memory. Integers that do not fit become the nearest that does. Bit fields are
  ///     read as integers of at least their size, or as `float64`; opaque elements as integers of exactly theirs.
  ///   - buffer: exactly the numbers of these rows, of this type, in the order of the file.
  /// - Throws: if there are no such rows, the buffer has another size, or reading fails.
  public func read(
    leading range: Range<Int>, of part: AxisRange? = nil, as type: NumericType,
    into buffer: UnsafeMutableRawBufferPointer
  ) throws(HDF5Error) {
    var attempt: String { "read rows \(range.lowerBound)..<\(range.upperBound) of \(path)" }
    try validate(range, part, type, byteCount: buffer.count, "H5Dread", to: attempt)
    guard !buffer.isEmpty else { return }
    let datatype = try memoryType(for: type, to: attempt)
    let spaces = try select(range, part, to: attempt)
    try checkStorage(range, part, to: attempt)
    try call("H5Dread", to: attempt) {
      ChunkBeingRead.$current.withValue(chunkToRead) {
        H5Dread(
          object.identifier, datatype.identifier, spaces.memory.identifier, spaces.file.identifier,
          chdf5_default(), buffer.baseAddress)
      }
    }
    finishReading(buffer, as: type)
  }

  /// What the library is to make of elements that are wanted as `type`: it converts neither bit fields nor opaque elements to
  /// numbers, though they are the bits of some.
  private func memoryType(
    for type: NumericType, to attempt: @autoclosure () -> String
  ) throws(HDF5Error) -> Handle {
    switch self.type {
    case .bitField(let byteCount):
      try require(
        type == .float64 || !type.kind.isFloat && type.byteCount >= byteCount, "H5Dread", to: attempt(),
        "its elements are bit fields of \(byteCount) bytes, and \(type) is asked for")
      return try Handle(.datatype, "H5Tcopy", to: attempt()) {
        H5Tcopy(chdf5_bit_field_type(Int32(type.byteCount)))
      }
    case .opaque(let byteCount, _) where type.byteCount == byteCount && !type.kind.isFloat:
      return try Handle(.datatype, "H5Dget_type", to: attempt()) { H5Dget_type(object.identifier) }
    default: return try type.makeDatatype()
    }
  }

  /// Turns the bits of a bit field into the numbers that they are.
  private func finishReading(_ buffer: UnsafeMutableRawBufferPointer, as type: NumericType) {
    guard case .bitField = self.type, type == .float64 else { return }
    for place in stride(from: 0, to: buffer.count, by: 8) {
      let bits = buffer.loadUnaligned(fromByteOffset: place, as: UInt64.self)
      buffer.storeBytes(of: Double(bits), toByteOffset: place, as: Double.self)
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
    var attempt: String { "write rows \(range.lowerBound)..<\(range.upperBound) of \(path)" }
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

  /// Refuses to let the library read what is not all there: it knows neither how long a compact dataset is in the file, nor
  /// what a chunk decodes to.
  func checkStorage(
    _ range: Range<Int>, _ part: AxisRange?, to attempt: @autoclosure () -> String
  ) throws(HDF5Error) {
    switch storage {
    case .compact:
      let needed = elementCount * elementByteCount
      try require(
        storageSize >= needed, "H5Dread", to: attempt(),
        "it has \(storageSize) bytes in the file for \(needed) bytes of elements")
    case .chunked(let chunks):
      guard let chunkGuard else {
        let names = chunks.filters.map(\.name).joined(separator: " and ")
        throw HDF5Error(
          function: "H5Dread", attempt: attempt(),
          reason: "its chunks have filters that do not fit it: \(names)")
      }
      var ranges = shape.map { 0..<$0 }
      if !ranges.isEmpty { ranges[0] = range }
      if let part { ranges[part.axis] = part.range }
      try chunkGuard.checkChunks(of: self, holding: ranges, to: attempt())
    case .contiguous, .external, .virtual: break
    }
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
    var attempt: String { "read \(path)" }
    _ = try readableType("H5Dread", to: attempt)
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
    var attempt: String { "read \(path)" }
    let type = try readableType("H5Dread", to: attempt)
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

  /// What the library reads the elements as.
  private func readableType(
    _ function: StaticString, to attempt: @autoclosure () -> String
  ) throws(HDF5Error) -> NumericType {
    if case .converted(let conversion) = type { return conversion.type }
    return try numericType(function, to: attempt())
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
    try checkStorage(0..<rowCount, nil, to: attempt())
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
    var attempt: String { "write \(path)" }
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

extension Dataset {
  /// What a number that was never written reads as: the bytes of one, as `type`. Zeros where the file leaves that open, or forbids to fill.
  ///
  /// The corresponding C functions are `H5Pget_fill_value` and `H5Pget_fill_time`.
  ///
  /// - Throws: if its elements do not convert to `type`.
  public func fillValue(as type: NumericType) throws(HDF5Error) -> [UInt8] {
    var attempt: String { "read the fill value of \(path)" }
    let properties = try Handle(.propertyList, "H5Dget_create_plist", to: attempt) {
      H5Dget_create_plist(object.identifier)
    }
    var status = H5D_FILL_VALUE_ERROR
    try call("H5Pfill_value_defined", to: attempt) {
      H5Pfill_value_defined(properties.identifier, &status)
    }
    var time = H5D_FILL_TIME_ERROR
    try call("H5Pget_fill_time", to: attempt) { H5Pget_fill_time(properties.identifier, &time) }
    var value = [UInt8](repeating: 0, count: type.byteCount)
    guard status == H5D_FILL_VALUE_USER_DEFINED, time != H5D_FILL_TIME_NEVER else { return value }
    let datatype = try memoryType(for: type, to: attempt)
    try call("H5Pget_fill_value", to: attempt) {
      H5Pget_fill_value(properties.identifier, datatype.identifier, &value)
    }
    return value
  }
}

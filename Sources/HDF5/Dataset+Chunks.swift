import CHDF5

extension Dataset {
  /// The bytes of a chunk in the file, after its filters; 0 if it was never written. In a file from outside the number may
  /// be anything: compare with the file's size before allocating.
  ///
  /// A chunk without filters has the bytes of its elements, whether it was written or not: 1.10 does not look.
  ///
  /// The corresponding C function is `H5Dget_chunk_storage_size`.
  ///
  /// - Parameter offset: the chunk's first element, one index per axis.
  /// - Throws: if no chunk begins there.
  public func chunkStorageSize(at offset: [Int]) throws(HDF5Error) -> Int {
    let function: StaticString = "H5Dget_chunk_storage_size"
    var attempt: String { "examine the chunk of \(path) at \(offset)" }
    let start = try chunkStart(offset, function, to: attempt)
    var size: hsize_t = 0
    do {
      try call(function, to: attempt) {
        H5Dget_chunk_storage_size(object.identifier, start, &size)
      }
    } catch {
      // Of filtered data, 1.10.8 fails where it found that there is no such chunk; looking for it did not fail.
      guard error.stack.last?.function == "H5D__get_chunk_storage_size" else { throw error }
      return 0
    }
    return Int(clamping: size)
  }

  /// Reads a chunk as it lies in the file, filters not undone.
  ///
  /// The corresponding C function is `H5Dread_chunk`.
  ///
  /// - Parameters:
  ///   - offset: the chunk's first element, one index per axis.
  ///   - buffer: at least ``chunkStorageSize(at:)`` bytes.
  /// - Returns: the filter mask: bit i is set if the chunk skipped filter i; nil if the chunk was never written.
  /// - Throws: if no chunk begins there, it does not fit the buffer, or reading fails.
  public func readChunk(
    at offset: [Int], into buffer: UnsafeMutableRawBufferPointer
  ) throws(HDF5Error) -> UInt32? {
    var attempt: String { "read the chunk of \(path) at \(offset)" }
    let start = try chunkStart(offset, "H5Dread_chunk", to: attempt)
    let size = try chunkStorageSize(at: offset)
    guard size > 0 else { return nil }
    try require(
      size <= buffer.count, "H5Dread_chunk", to: attempt,
      "it has \(size) bytes and the buffer \(buffer.count)")
    try checkUnfilteredLength(start, size, to: attempt)
    var mask: UInt32 = 0
    do {
      try call("H5Dread_chunk", to: attempt) {
        H5Dread_chunk(object.identifier, chdf5_default(), start, &mask, buffer.baseAddress)
      }
    } catch {
      // It fails itself only where it found that there is no such chunk; else what it calls does.
      guard error.stack.last?.function == "H5D__chunk_direct_read" else { throw error }
      return nil
    }
    return mask
  }

  /// How many chunks were ever written.
  ///
  /// The corresponding C function is `H5Dget_num_chunks`.
  ///
  /// - Throws: if they cannot be counted, or there are no chunks.
  public var writtenChunkCount: Int {
    get throws(HDF5Error) {
      var attempt: String { "count the chunks of \(path)" }
      let space = try Handle(.dataspace, "H5Dget_space", to: attempt) { H5Dget_space(object.identifier) }
      var count: hsize_t = 0
      try call("H5Dget_num_chunks", to: attempt) {
        H5Dget_num_chunks(object.identifier, space.identifier, &count)
      }
      return Int(clamping: count)
    }
  }

  /// Whether a chunk was ever written. Takes time in proportion to the number of chunks that were.
  ///
  /// The corresponding C function is `H5Dget_chunk_info_by_coord`.
  ///
  /// - Throws: if no chunk begins there.
  public func chunkIsWritten(at offset: [Int]) throws(HDF5Error) -> Bool {
    var attempt: String { "examine the chunk of \(path) at \(offset)" }
    let start = try chunkStart(offset, "H5Dget_chunk_info_by_coord", to: attempt)
    var (mask, address, size) = (UInt32(0), haddr_t(0), hsize_t(0))
    try call("H5Dget_chunk_info_by_coord", to: attempt) {
      H5Dget_chunk_info_by_coord(object.identifier, start, &mask, &address, &size)
    }
    return address != chdf5_undefined_address()
  }

  /// Of a chunk without filters the library says the size that it should have, and reads the size that the file's index of
  /// chunks has. To find that one it walks through the whole index, so only short ones are looked at.
  ///
  /// The corresponding C function is `H5Dget_chunk_info_by_coord`.
  private func checkUnfilteredLength(
    _ start: [hsize_t], _ size: Int, to attempt: @autoclosure () -> String
  ) throws(HDF5Error) {
    guard case .chunked(let chunks) = storage, chunks.filters.isEmpty,
      storageSize / size <= Self.shortIndex
    else { return }
    var (mask, address, stored): (UInt32, haddr_t, hsize_t) = (0, 0, 0)
    try call("H5Dget_chunk_info_by_coord", to: attempt()) {
      H5Dget_chunk_info_by_coord(object.identifier, start, &mask, &address, &stored)
    }
    guard address != chdf5_undefined_address() else { return }
    try require(
      stored == size, "H5Dget_chunk_info_by_coord", to: attempt(),
      "it has \(stored) bytes in the file for \(size) bytes of elements")
  }

  private static let shortIndex = 1024

  /// Whether any chunk was ever written.
  var hasStoredChunks: Bool { storageSize > 0 }

  /// Writes a chunk as it is to lie in the file, filters already applied.
  ///
  /// In 1.10.8 this dataset's handle then takes the filter mask for 0 when it reads the chunk, and so fails or reads
  /// nonsense if it is not; in the file it is right, and a dataset opened later sees it.
  ///
  /// The corresponding C function is `H5Dwrite_chunk`.
  ///
  /// - Parameters:
  ///   - offset: the chunk's first element, one index per axis.
  ///   - filterMask: bit i is set if the chunk skipped filter i.
  ///   - buffer: the chunk; without filters exactly the chunk's elements.
  /// - Throws: if no chunk begins there or writing fails.
  public func writeChunk(
    at offset: [Int], filterMask: UInt32, from buffer: UnsafeRawBufferPointer
  ) throws(HDF5Error) {
    var attempt: String { "write the chunk of \(path) at \(offset)" }
    let start = try chunkStart(offset, "H5Dwrite_chunk", to: attempt)
    try call("H5Dwrite_chunk", to: attempt) {
      H5Dwrite_chunk(
        object.identifier, chdf5_default(), filterMask, start, buffer.count, buffer.baseAddress)
    }
  }

  /// Refuses an offset at which no chunk begins; of its length the library knows nothing.
  private func chunkStart(
    _ offset: [Int], _ function: StaticString, to attempt: @autoclosure () -> String
  ) throws(HDF5Error) -> [hsize_t] {
    guard case .chunked(let chunks) = storage else {
      throw HDF5Error(function: "\(function)", attempt: attempt(), reason: "it is not stored in chunks")
    }
    try require(
      offset.count == shape.count, function, to: attempt(), "the offset needs \(shape.count) indices")
    for axis in shape.indices {
      try require(
        (0..<shape[axis]).contains(offset[axis]) && offset[axis] % chunks.shape[axis] == 0, function,
        to: attempt(), "the shape is \(shape), that of the chunks \(chunks.shape)")
    }
    return try Dataspace.extents(offset, function, to: attempt())
  }
}

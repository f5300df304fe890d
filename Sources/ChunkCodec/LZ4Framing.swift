/// What HDF5's LZ4 filter (32004, `H5Zlz4.c` of The HDF Group's plugins) has around LZ4's blocks.
///
/// First the bytes before compression (64 bits) and those of a block (32 bits), then each block's bytes in the file (32 bits)
/// and the block, all numbers big-endian. The last block has what is left. A block that did not get shorter is stored as it
/// is, which its length tells.
enum LZ4Framing {
  static let headerByteCount = 12
  static let lengthByteCount = 4

  /// The bytes that a buffer has before compression, and those of its blocks.
  /// - Returns: nil if the header is cut off, or makes no sense.
  static func header(_ source: UnsafeRawBufferPointer) -> (byteCount: Int, blockByteCount: Int)? {
    guard source.count >= headerByteCount,
      let byteCount = Int(
        exactly: UInt64(bigEndian: source.loadUnaligned(as: UInt64.self)))
    else { return nil }
    let block = UInt32(bigEndian: source.loadUnaligned(fromByteOffset: 8, as: UInt32.self))
    return block > 0 ? (byteCount, Int(block)) : nil
  }

  /// Takes a block, with its length before it, off the beginning.
  /// - Returns: nil if less is there.
  static func takeBlock(_ source: inout UnsafeRawBufferPointer) -> UnsafeRawBufferPointer? {
    guard source.count >= lengthByteCount else { return nil }
    let length = Int(UInt32(bigEndian: source.loadUnaligned(as: UInt32.self)))
    guard length <= source.count - lengthByteCount else { return nil }
    let end = lengthByteCount + length
    defer { source = UnsafeRawBufferPointer(rebasing: source[end...]) }
    return UnsafeRawBufferPointer(rebasing: source[lengthByteCount..<end])
  }

  /// - Returns: the bytes written; nil if the data is damaged, longer than `target`, or there is no LZ4.
  static func decompress(_ source: UnsafeRawBufferPointer, into target: UnsafeMutableRawBufferPointer) -> Int?
  {
    guard let (byteCount, blockByteCount) = header(source), byteCount <= target.count else { return nil }
    var rest = UnsafeRawBufferPointer(rebasing: source[headerByteCount...])
    var done = 0
    while done < byteCount {
      let count = min(blockByteCount, byteCount - done)
      let place = UnsafeMutableRawBufferPointer(rebasing: target[done..<done + count])
      guard let block = takeBlock(&rest) else { return nil }
      if block.count == count {
        place.copyMemory(from: block)
      } else {
        guard CompressionLibrary.lz4.decompress(block, into: place) == count else { return nil }
      }
      done += count
    }
    return byteCount
  }

  // MARK: - Writing

  /// LZ4 takes no more at once.
  private static let largestBlock = 1 << 30

  static func writeHeader(
    to target: UnsafeMutableRawBufferPointer, byteCount: Int, blockByteCount: Int
  ) {
    target.storeBytes(of: UInt64(byteCount).bigEndian, as: UInt64.self)
    target.storeBytes(of: UInt32(blockByteCount).bigEndian, toByteOffset: 8, as: UInt32.self)
  }

  /// The most bytes that so many become.
  static func bound(_ count: Int) -> Int {
    headerByteCount + lengthByteCount * (count / largestBlock + 1) + count
  }

  /// - Parameter target: at least `bound(source.count)` bytes.
  /// - Returns: the bytes written.
  static func compress(
    _ source: UnsafeRawBufferPointer, into target: UnsafeMutableRawBufferPointer
  ) -> Int {
    let blockByteCount = max(1, min(source.count, largestBlock))
    writeHeader(to: target, byteCount: source.count, blockByteCount: blockByteCount)
    var end = headerByteCount
    for start in stride(from: 0, to: source.count, by: blockByteCount) {
      let block = UnsafeRawBufferPointer(
        rebasing: source[start..<min(start + blockByteCount, source.count)])
      let place = UnsafeMutableRawBufferPointer(rebasing: target[(end + lengthByteCount)...])
      let room = UnsafeMutableRawBufferPointer(rebasing: place[..<(block.count - 1)])
      var count = block.count
      if let shorter = CompressionLibrary.lz4.compress(block, into: room, level: 0) {
        count = shorter
      } else {
        place.copyMemory(from: block)
      }
      target.storeBytes(of: UInt32(count).bigEndian, toByteOffset: end, as: UInt32.self)
      end += lengthByteCount + count
    }
    return end
  }
}

/// The bitshuffle filter where it compresses, too (`bshuf_h5filter.c`).
///
/// Around the blocks is what ``LZ4Framing`` has. Elements at the end that make no group of eight are stored as they are.
extension Bitshuffle {
  /// How long blocks are the header says, whatever the filter's parameters do.
  ///
  /// - Returns: the bytes written; nil if the data is damaged, longer than `target`, or the library is missing.
  func decompress(
    _ source: UnsafeRawBufferPointer, with library: CompressionLibrary,
    into target: UnsafeMutableRawBufferPointer
  ) -> Int? {
    guard let (byteCount, blockByteCount) = LZ4Framing.header(source), byteCount <= target.count,
      byteCount % elementSize == 0,
      let stored = Bitshuffle(elementSize: elementSize, blockElements: blockByteCount / elementSize)
    else { return nil }
    var rest = UnsafeRawBufferPointer(rebasing: source[LZ4Framing.headerByteCount...])
    let largest = min(stored.blockElements * elementSize, byteCount)
    let scratch = UnsafeMutableRawBufferPointer.allocate(byteCount: 2 * largest, alignment: 64)
    defer { scratch.deallocate() }
    let second = UnsafeMutableRawBufferPointer(rebasing: scratch[largest...])
    var done = 0
    for elements in stored.blocks(byteCount / elementSize) {
      let count = elements * elementSize
      let shuffled = UnsafeMutableRawBufferPointer(rebasing: scratch[..<count])
      guard let block = LZ4Framing.takeBlock(&rest), library.decompress(block, into: shuffled) == count else {
        return nil
      }
      Self.undoBlock(
        UnsafeRawBufferPointer(shuffled),
        UnsafeMutableRawBufferPointer(rebasing: target[done..<done + count]),
        second, elementSize: elementSize)
      done += count
    }
    let end = byteCount - done
    guard rest.count >= end else { return nil }
    UnsafeMutableRawBufferPointer(rebasing: target[done..<byteCount]).copyMemory(
      from: UnsafeRawBufferPointer(rebasing: rest[..<end]))
    return byteCount
  }

  // MARK: - Writing

  /// Bytes of a block before compression.
  var blockByteCount: Int { blockElements * elementSize }

  /// The most bytes that so many become.
  func bound(_ count: Int, with library: CompressionLibrary) -> Int {
    let perBlock = library.bound(blockByteCount) - blockByteCount + LZ4Framing.lengthByteCount
    return LZ4Framing.headerByteCount + count + (count / blockByteCount + 1) * perBlock
  }

  /// - Parameters:
  ///   - source: whole elements.
  ///   - target: at least `bound(source.count)` bytes.
  /// - Returns: the bytes written.
  /// - Throws: `wrongLength` if there is a part of an element; `outOfMemory`.
  func compress(
    _ source: UnsafeRawBufferPointer, with library: CompressionLibrary, level: Int,
    into target: UnsafeMutableRawBufferPointer
  ) throws(ChunkCodecError) -> Int {
    let elements = source.count / elementSize
    guard source.count == elements * elementSize else {
      throw .wrongLength(source.count, expected: elements * elementSize)
    }
    LZ4Framing.writeHeader(to: target, byteCount: source.count, blockByteCount: blockByteCount)
    let largest = min(blockByteCount, source.count)
    let scratch = UnsafeMutableRawBufferPointer.allocate(byteCount: 2 * largest, alignment: 64)
    defer { scratch.deallocate() }
    let second = UnsafeMutableRawBufferPointer(rebasing: scratch[largest...])
    var (start, end) = (0, LZ4Framing.headerByteCount)
    for elements in blocks(elements) {
      let shuffled = UnsafeMutableRawBufferPointer(rebasing: scratch[..<(elements * elementSize)])
      Self.applyBlock(
        UnsafeRawBufferPointer(rebasing: source[start..<start + shuffled.count]), shuffled, second,
        elementSize: elementSize)
      let place = UnsafeMutableRawBufferPointer(
        rebasing: target[(end + LZ4Framing.lengthByteCount)...])
      guard
        let count = library.compress(UnsafeRawBufferPointer(shuffled), into: place, level: level)
      else { throw .outOfMemory }
      target.storeBytes(of: UInt32(count).bigEndian, toByteOffset: end, as: UInt32.self)
      start += shuffled.count
      end += LZ4Framing.lengthByteCount + count
    }
    UnsafeMutableRawBufferPointer(rebasing: target[end...]).copyMemory(
      from: UnsafeRawBufferPointer(rebasing: source[start...]))
    return end + source.count - start
  }
}

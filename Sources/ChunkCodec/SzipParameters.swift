#if canImport(Darwin)
  import Darwin
#elseif canImport(Musl)
  import Musl
#else
  import Glibc
#endif

/// How szip codes: what libaec's `SZ_com_t` holds.
public struct SzipParameters: Hashable, Sendable {
  private let optionsMask: Int32
  private let bitsPerPixel: Int32
  private let pixelsPerBlock: Int32
  private let pixelsPerScanline: Int32

  /// - Parameter numbers: the filter's four parameters.
  /// - Returns: nil if szip has no such coding.
  init?(_ numbers: [Int]) {
    guard numbers.count == 4, numbers[0] <= 0xFFFF else { return nil }
    let (block, bits, scanline) = (numbers[1], numbers[2], numbers[3])
    guard (2...32).contains(block), block % 2 == 0, (1...32).contains(bits) || bits == 64,
      (1...4096).contains(scanline), scanline <= 128 * block
    else { return nil }
    optionsMask = Int32(numbers[0])
    bitsPerPixel = Int32(bits)
    pixelsPerBlock = Int32(block)
    pixelsPerScanline = Int32(scanline)
  }

  /// Decodes the chunk to see how long it is: the library takes what the coding leaves unwritten for data, and libaec's
  /// imitation of szip, which the library calls, does not tell.
  ///
  /// The corresponding C function is `aec_buffer_decode`.
  func check(_ chunk: UnsafeRawBufferPointer, chunkByteCount: Int) throws(ChunkCodecError) {
    guard chunk.count > 4, Int(UInt32(littleEndian: chunk.loadUnaligned(as: UInt32.self))) == chunkByteCount,
      // The HDF5 library that has the filter has this library, too.
      let decode = Self.decode
    else { throw .damaged(filter: "szip") }
    // Numbers of 32 and 64 bits are coded byte plane by byte plane.
    let codedBits = bitsPerPixel >= 32 ? 8 : bitsPerPixel
    let pixelByteCount = codedBits > 16 ? 4 : codedBits > 8 ? 2 : 1
    let blocksPerScanline = (Int(pixelsPerScanline) + Int(pixelsPerBlock) - 1) / Int(pixelsPerBlock)
    // Each line is filled up to whole blocks.
    let (lines, rest) = (chunkByteCount / pixelByteCount).quotientAndRemainder(
      dividingBy: Int(pixelsPerScanline))
    let lineByteCount = blocksPerScanline * Int(pixelsPerBlock) * pixelByteCount
    let needed = lines * lineByteCount + rest * pixelByteCount
    let target = UnsafeMutableRawBufferPointer.allocate(
      byteCount: (lines + 1) * lineByteCount, alignment: 64)
    defer { target.deallocate() }
    // `struct aec_stream`: input, its length, what was read; output, its length, what was written; bits of a sample, samples
    // of a block, blocks of a line, flags; and the library's own.
    let stream = UnsafeMutableRawPointer.allocate(byteCount: 128, alignment: 16)
    defer { stream.deallocate() }
    stream.initializeMemory(as: UInt8.self, repeating: 0, count: 128)
    stream.storeBytes(of: chunk.baseAddress.map { $0 + 4 }, as: UnsafeRawPointer?.self)
    stream.storeBytes(of: chunk.count - 4, toByteOffset: 8, as: Int.self)
    stream.storeBytes(of: target.baseAddress, toByteOffset: 24, as: UnsafeMutableRawPointer?.self)
    stream.storeBytes(of: target.count, toByteOffset: 32, as: Int.self)
    let (mostSignificantFirst, predicted) = (optionsMask & 16 != 0 ? 4 : 0, optionsMask & 32 != 0 ? 8 : 0)
    let numbers = [
      codedBits, pixelsPerBlock, Int32(blocksPerScanline), Int32(mostSignificantFirst + predicted),
    ]
    for (index, number) in numbers.enumerated() {
      stream.storeBytes(of: number, toByteOffset: 48 + 4 * index, as: Int32.self)
    }
    guard decode(stream) == 0, stream.load(fromByteOffset: 40, as: Int.self) >= needed else {
      throw .damaged(filter: "szip")
    }
  }

  private typealias Decode = @convention(c) (UnsafeMutableRawPointer?) -> Int32

  private static let decode: Decode? = {
    #if canImport(Darwin)
      let names = ["libaec.0.dylib", "/opt/homebrew/lib/libaec.0.dylib", "/usr/local/lib/libaec.0.dylib"]
    #else
      let names = ["libaec.so.0"]
    #endif
    for name in names {
      guard let library = dlopen(name, RTLD_NOW | RTLD_LOCAL) else { continue }
      if let function = dlsym(library, "aec_buffer_decode") {
        return unsafeBitCast(function, to: Decode.self)
      }
      dlclose(library)
    }
    return nil
  }()
}

import Testing

@testable import ChunkCodec

/// What is believed of the head of a Blosc buffer before the library, which may be an old one, gets to see it.
@Suite(.timeLimit(.minutes(30))) struct BloscHeaderTests {
  /// A buffer of 100 bytes, with a head of these numbers.
  private func header(
    elementSize: UInt8 = 4, byteCount: UInt32 = 1000, blockByteCount: UInt32 = 400, stored: UInt32 = 100,
    length: Int = 100
  ) -> BloscHeader? {
    var bytes: [UInt8] = [2, 1, 0, elementSize]
    for number in [byteCount, blockByteCount, stored] {
      withUnsafeBytes(of: number.littleEndian) { bytes.append(contentsOf: $0) }
    }
    bytes += Array(repeating: 0, count: 100)
    return bytes[..<length].withUnsafeBytes { BloscHeader($0) }
  }

  @Test func whatFitsIsTaken() {
    #expect(header()?.byteCount == 1000)
    #expect(header(blockByteCount: 1)?.byteCount == 1000)
    #expect(header(blockByteCount: 1000)?.byteCount == 1000)
    #expect(header(stored: 16)?.byteCount == 1000)
    #expect(header(byteCount: 0, blockByteCount: 1, stored: 16, length: 16)?.byteCount == 0)
    #expect(header(byteCount: 0x7FFF_FFFF)?.byteCount == 0x7FFF_FFFF)
  }

  /// Each number just beyond what it may be.
  @Test func whatDoesNotFitIsRefused() {
    #expect(header(elementSize: 0) == nil)
    #expect(header(byteCount: 0x8000_0000) == nil)
    #expect(header(blockByteCount: 0) == nil)
    #expect(header(blockByteCount: 1001) == nil)
    #expect(header(stored: 15) == nil)
    #expect(header(stored: 101) == nil)
    #expect(header(length: 15) == nil)
    #expect(header(length: 0) == nil)
  }
}

import Foundation
import Testing

@testable import ChunkCodec

/// Whether libaec is here, which the HDF5 library brings where it has szip.
private func isSzipDecoded() -> Bool {
  #if os(Linux)
    return dlopen("libaec.so.0", RTLD_NOW) != nil
  #else
    return false
  #endif
}

/// Filters that only the HDF5 library undoes: what they read is known before.
@Suite(.timeLimit(.minutes(30))) struct PackedElementsTests {
  private func check(_ elements: PackedElements?, _ chunk: [UInt8], chunkByteCount: Int) -> Bool {
    guard let elements, let check = ChunkCheck(steps: [.packed(elements)], chunkByteCount: chunkByteCount)
    else { return false }
    return chunk.withUnsafeBytes { bytes in (try? check.check(bytes, mask: 0)) != nil }
  }

  /// Ten elements of four bytes with 12 bits each from bit 3 on: 15 bytes.
  static let nbit: [UInt32] = [8, 0, 10, 1, 4, 0, 12, 3]

  @Test func nbitReadsItsBits() throws {
    let elements = PackedElements(filter: 5, parameters: Self.nbit, elementSize: 4, chunkByteCount: 40)
    #expect(elements == .nbit(count: 10, elementSize: 4, precision: 12))
    #expect(check(elements, [UInt8](repeating: 0, count: 15), chunkByteCount: 40))
    #expect(!check(elements, [UInt8](repeating: 0, count: 14), chunkByteCount: 40))
  }

  /// Each with what is wrong: it would make the library write or read beyond its memory, or take more.
  @Test(arguments: [
    (0, 9, "more parameters than there are"), (2, 11, "more elements than the chunk has"),
    (2, 1 << 30, "far more"), (3, 2, "an array"), (3, 3, "a compound"), (4, 8, "larger elements"),
    (5, 2, "a byte order that there is not"), (6, 0, "no bits"), (6, 30, "bits beyond the element"),
    (7, 21, "bits beyond the element, by the first one"),
  ])
  func nbitParametersThatDoNotFit(index: Int, value: UInt32, about: String) {
    var parameters = Self.nbit
    parameters[index] = value
    #expect(
      PackedElements(filter: 5, parameters: parameters, elementSize: 4, chunkByteCount: 40) == nil,
      "\(about)")
  }

  /// Of the first four bytes of a chunk come the bits of each element.
  @Test(arguments: [
    (UInt8(0), 21, true), (0, 20, false), (9, 33, true), (9, 32, false), (32, 61, true), (32, 60, false),
    (33, 100, false), (255, 1000, false),
  ])
  func scaleOffsetReadsItsBits(bits: UInt8, byteCount: Int, fits: Bool) {
    let parameters: [UInt32] = [2, 0, 10, 0, 4, 1, 0, 0] + [UInt32](repeating: 0, count: 12)
    let elements = PackedElements(filter: 6, parameters: parameters, elementSize: 4, chunkByteCount: 40)
    var chunk = [UInt8](repeating: 0, count: byteCount)
    chunk[0] = bits
    #expect((check(elements, chunk, chunkByteCount: 40)) == (fits && byteCount <= 2 * 40 + 1024))
  }

  @Test(arguments: [(2, 11), (4, 8), (0, 0)]) func scaleOffsetParametersThatDoNotFit(
    index: Int, value: UInt32
  ) {
    var parameters: [UInt32] = [2, 0, 10, 0, 4, 1, 0, 0] + [UInt32](repeating: 0, count: 12)
    #expect(
      PackedElements(filter: 6, parameters: parameters, elementSize: 4, chunkByteCount: 40) != nil)
    parameters[index] = value
    #expect(
      PackedElements(filter: 6, parameters: parameters, elementSize: 4, chunkByteCount: 40) == nil)
    #expect(
      PackedElements(filter: 6, parameters: Array(parameters.dropLast()), elementSize: 4, chunkByteCount: 40)
        == nil)
  }

  /// Kind of scaling, factor, elements and class: of integers (0) the kind is 2, of floats (1) it is 0, to so many decimals; the library has no
  /// third one. All bits that a float has would not be left alone.
  @Test(
    arguments: [
      ([0, 3, 10, 1], true), ([0, 32, 10, 1], true), ([2, 3, 10, 1], false), ([1, 3, 10, 1], false),
      ([2, 0, 10, 0], true), ([0, 0, 10, 0], false), ([0, 3, 9, 1], false),
    ] as [([UInt32], Bool)])
  func scaleOffsetOfFloats(parameters: [UInt32], fit: Bool) {
    let rest: [UInt32] = [4, 1, 0, 0] + [UInt32](repeating: 0, count: 12)
    let elements = PackedElements(
      filter: 6, parameters: parameters + rest, elementSize: 4, chunkByteCount: 40)
    let expected: PackedElements? = fit ? .scaleOffset(count: 10, elementSize: 4) : nil
    #expect(elements == expected)
  }

  /// What a filter says that it left alone is exactly the elements.
  @Test func whatIsUnchangedIsTheElements() {
    let nbit: [UInt32] = [8, 1, 10, 1, 4, 0, 12, 3]
    let scaleOffset: [UInt32] = [2, 32, 10, 0, 4, 1, 0, 0] + [UInt32](repeating: 0, count: 12)
    for (filter, parameters) in [(5, nbit), (6, scaleOffset)] {
      let elements = PackedElements(
        filter: filter, parameters: parameters, elementSize: 4, chunkByteCount: 40)
      #expect(elements == .unchanged, "\(filter)")
      for byteCount in [39, 40, 41] {
        let chunk = [UInt8](repeating: 0, count: byteCount)
        #expect(
          check(elements, chunk, chunkByteCount: 40) == (byteCount == 40), "\(filter), \(byteCount) bytes")
      }
    }
  }

  /// Ten elements that are copied whole take all their bits.
  @Test func nbitCopiesWholeElements() {
    let elements = PackedElements(
      filter: 5, parameters: [5, 0, 10, 4, 4], elementSize: 4, chunkByteCount: 40)
    #expect(elements == .nbit(count: 10, elementSize: 4, precision: 32))
    #expect(check(elements, [UInt8](repeating: 0, count: 40), chunkByteCount: 40))
    #expect(!check(elements, [UInt8](repeating: 0, count: 39), chunkByteCount: 40))
  }

  /// Nine elements of 5 bits take 45 bits: the sixth byte is there, or the chunk is damaged.
  @Test func nbitTakesItsLastByte() {
    let elements = PackedElements(
      filter: 5, parameters: [8, 0, 9, 1, 4, 0, 5, 3], elementSize: 4, chunkByteCount: 36)
    #expect(elements == .nbit(count: 9, elementSize: 4, precision: 5))
    #expect(check(elements, [UInt8](repeating: 0, count: 6), chunkByteCount: 36))
    #expect(!check(elements, [UInt8](repeating: 0, count: 5), chunkByteCount: 36))
  }

  @Test(arguments: [
    [141, 3, 32, 64], [141, 64, 32, 64], [141, 8, 48, 64], [141, 8, 32, 0], [141, 8, 32, 5000], [141, 8],
  ])
  func szipParametersThatDoNotFit(parameters: [UInt32]) {
    #expect(PackedElements(filter: 4, parameters: parameters, elementSize: 4, chunkByteCount: 40) == nil)
  }

  /// At the ends of what szip can code: of each the largest and the smallest, and one beyond.
  @Test(
    arguments: [
      ([141, 8, 32, 1024], true), ([141, 8, 32, 1025], false), ([141, 32, 8, 4096], true),
      ([141, 32, 8, 4097], false), ([141, 2, 1, 1], true), ([141, 2, 64, 256], true),
      ([141, 2, 64, 257], false),
      ([141, 0, 32, 1], false), ([141, 34, 32, 64], false), ([141, 8, 0, 64], false),
      ([141, 8, 33, 64], false),
    ] as [([UInt32], Bool)])
  func szipParametersAtTheirEnds(parameters: [UInt32], fit: Bool) {
    let elements = PackedElements(filter: 4, parameters: parameters, elementSize: 4, chunkByteCount: 40)
    #expect((elements != nil) == fit)
  }

  /// Blocks of eight numbers of one byte as szip stores what does not compress: three bits of one, and the numbers. Here they are zeros.
  private static let twoBlocks: [UInt8] =
    [0xE0, 0, 0, 0, 0, 0, 0, 0, 0x1C] + [UInt8](repeating: 0, count: 8)
  private static let fourBlocks: [UInt8] =
    [0xE0, 0, 0, 0, 0, 0, 0, 0, 0x1C, 0, 0, 0, 0, 0, 0, 0, 0x03, 0x80, 0, 0, 0, 0, 0, 0, 0, 0x70]
    + [UInt8](repeating: 0, count: 8)

  private func szip(_ scanline: UInt32, _ stated: UInt8, _ coded: [UInt8], chunkByteCount: Int) -> Bool {
    let elements = PackedElements(
      filter: 4, parameters: [132, 8, 8, scanline], elementSize: 1, chunkByteCount: chunkByteCount)
    return check(elements, [stated, 0, 0, 0] + coded, chunkByteCount: chunkByteCount)
  }

  /// Twelve numbers in lines of eight, of which the last has four: whole with its two blocks, and damaged where the second one is cut off, in
  /// part or as a whole.
  @Test(
    .enabled(if: isSzipDecoded(), "libaec is not here"),
    arguments: [(17, true), (12, false), (9, false), (8, false), (0, false)])
  func theLastLineOfSzipIsThere(byteCount: Int, isWhole: Bool) {
    #expect(szip(8, 12, Array(Self.twoBlocks[..<byteCount]), chunkByteCount: 12) == isWhole)
  }

  /// Eighteen numbers in lines of twelve, each filled up to two blocks of eight: the six of the second line come after sixteen. Of 23 bytes five
  /// of them are left.
  @Test(
    .enabled(if: isSzipDecoded(), "libaec is not here"),
    arguments: [(34, true), (23, false), (20, false), (17, false)])
  func linesOfSzipAreFilledUp(byteCount: Int, isWhole: Bool) {
    #expect(szip(12, 18, Array(Self.fourBlocks[..<byteCount]), chunkByteCount: 18) == isWhole)
  }

  /// Before the coding stands how many bytes come of it: the library believes that, whatever the chunk has.
  @Test(.enabled(if: isSzipDecoded(), "libaec is not here")) func theLengthBeforeSzipIsThatOfTheChunk() {
    for stated in [0, 8, 11, 12, 13, 16, 255] as [UInt8] {
      #expect(szip(8, stated, Self.twoBlocks, chunkByteCount: 12) == (stated == 12), "\(stated)")
    }
  }

  /// Two compressors, checksums between and around them: lengths are checked from outside in.
  @Test func chunksOfSeveralFilters() throws {
    let data = (0..<400).map { UInt8($0 % 7) }
    let filters: [ChunkFilter] = [.shuffle(elementSize: 4), .fletcher32, .deflate(level: 3), .fletcher32]
    let codec = try ChunkCodec(filters: filters, chunkByteCount: 400)
    // What it gives lies in its own memory.
    let chunk = try withExtendedLifetime(codec) {
      try data.withUnsafeBytes { Array(try codec.encode($0)) }
    }
    func passes(_ chunk: [UInt8], byteCount: Int = 400, mask: UInt32 = 0) throws -> Bool {
      let check = try #require(ChunkCheck(steps: filters.map { .known($0) }, chunkByteCount: byteCount))
      return chunk.withUnsafeBytes { bytes in (try? check.check(bytes, mask: mask)) != nil }
    }
    #expect(try passes(chunk))
    #expect(try !passes(chunk, byteCount: 396))
    #expect(try !passes(chunk, byteCount: 404))
    #expect(try !passes(chunk, mask: 2))
    #expect(try !passes(Array(chunk.dropLast())))
    #expect(try passes(data, mask: .max))
    #expect(try !passes(Array(data.dropLast()), mask: .max))
    // Nobody could say how long the elements are that n-bit gets.
    #expect(
      ChunkCheck(
        steps: [.known(.deflate(level: 1)), .packed(.unchanged)], chunkByteCount: 400) == nil)
  }
}

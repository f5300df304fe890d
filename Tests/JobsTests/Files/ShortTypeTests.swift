import HDF5
import Testing

@testable import LayerFiles

/// Results in 16 bits are the nearest that there are, and of two that are equally near the even one: between every two neighbours.
@Suite(.timeLimit(.minutes(30))) struct ShortTypeTests {
  /// What becomes of some numbers, and how many are said to be too large.
  private func encode(_ values: [Float], to type: NumericType) -> (bits: [UInt16], overflows: Int) {
    var values = values
    return values.withUnsafeMutableBytes { buffer in
      let overflows = Encoding.encode(buffer, count: buffer.count / 4, from: .float, to: type)
      let bits = (0..<buffer.count / 4).map {
        buffer.loadUnaligned(fromByteOffset: 2 * $0, as: UInt16.self)
      }
      return (type.isNative ? bits : bits.map(\.byteSwapped), overflows)
    }
  }

  /// The value of 16 bits, which a Float holds exactly.
  private func value(_ bits: UInt16, _ kind: NumericType.Kind) -> Float {
    kind == .float16 ? Float(Float16(bitPattern: bits)) : Float(bitPattern: UInt32(bits) << 16)
  }

  @Test(arguments: [NumericType.Kind.float16, .bfloat16], [true, false])
  func areTheNearest(kind: NumericType.Kind, isNative: Bool) {
    let native = NumericType.native(kind)
    let type =
      isNative ? native : NumericType(kind: kind, byteOrder: native.byteOrder == .little ? .big : .little)
    let infinity: UInt16 = kind == .float16 ? 0x7C00 : 0x7F80
    var values: [Float] = []
    var expected: [UInt16] = []
    for sign: UInt16 in [0, 0x8000] {
      for magnitude in 0..<infinity {
        let (bits, next) = (magnitude | sign, magnitude + 1 | sign)
        let low = value(bits, kind)
        // Half of the distance from the one below is that to the one above, also where that would be infinite.
        let step =
          magnitude + 1 < infinity ? value(next, kind) - low : low - value(magnitude - 1 | sign, kind)
        let middle = low + step / 2
        let (towardsZero, fromZero) =
          sign == 0 ? (middle.nextDown, middle.nextUp) : (middle.nextUp, middle.nextDown)
        values += [low, towardsZero, middle, fromZero]
        expected += [bits, bits, bits & 1 == 0 ? bits : next, next]
      }
    }
    let found = encode(values, to: type)
    let wrong = values.indices.filter { found.bits[$0] != expected[$0] }
    #expect(wrong.isEmpty, "\(wrong.count) of \(values.count), as \(wrong.first.map { values[$0] } ?? 0)")
    #expect(found.overflows == expected.count { $0 & 0x7FFF == infinity })
  }

  /// What is infinite or no number stays so, and is no overflow.
  @Test(arguments: [NumericType.Kind.float16, .bfloat16])
  func whatIsNotFiniteStays(kind: NumericType.Kind) {
    let payloads = [UInt32(0x7F80_0001), 0x7FC0_0000, 0x7FFF_FFFF, 0xFF80_0001].map { Float(bitPattern: $0) }
    let found = encode([.infinity, -.infinity] + payloads, to: .native(kind))
    let values = found.bits.map { value($0, kind) }
    #expect(values[0] == .infinity && values[1] == -.infinity && values[2...].allSatisfy(\.isNaN))
    #expect(found.overflows == 0)
  }

  /// What is no number keeps its sign. In half precision nothing else is left of it; in bfloat16 its upper bits are, with that of a quiet
  /// one.
  @Test func whatIsNoNumberKeepsItsSign() {
    let bits: [UInt32] = [0x7F80_0001, 0x7FC0_0000, 0x7FFF_FFFF, 0xFF80_0001, 0xFFC1_2345]
    let halves: [UInt16] = [0x7E00, 0x7E00, 0x7E00, 0xFE00, 0xFE00]
    let upper: [UInt16] = [0x7FC0, 0x7FC0, 0x7FFF, 0xFFC0, 0xFFC1]
    let numbers = bits.map { Float(bitPattern: $0) }
    #expect(encode(numbers, to: .native(.float16)).bits == halves)
    #expect(encode(numbers, to: .native(.bfloat16)).bits == upper)
  }
}

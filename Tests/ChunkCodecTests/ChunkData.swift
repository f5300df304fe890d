import Foundation
import TestSupport

/// Chunks [256, 256] of numbers like those in files, and such as could mislead who looks for bytes that do not compress.
enum ChunkData: String, CaseIterable, Sendable {
  case zeros, normal, uniform, rectified, integers, smooth, sorted
  /// Few values in each column, as quantized inputs leave them after normalization.
  case quantized
  /// One random row again and again, of 1 KiB; and of a length with no relation to the chunk's.
  case repeatedRows, repeatedRuns
  /// A random row, a row of zeros, in turn.
  case alternatingRows
  case double, half, bigEndian

  static let rows = 256
  static let columns = 256

  /// Bytes of an element.
  var elementSize: Int {
    switch self {
    case .double: 8
    case .half: 2
    default: 4
    }
  }

  /// The numbers as they lie in memory, before any filter.
  func bytes(seed: UInt64) -> [UInt8] {
    var generator = SeededGenerator(seed: seed)
    let count = Self.rows * Self.columns
    func normal() -> Double {
      let radius = (-2 * log(Double.random(in: .leastNonzeroMagnitude...1, using: &generator))).squareRoot()
      return radius * cos(2 * .pi * Double.random(in: 0..<1, using: &generator))
    }
    func floats(_ value: (Int) -> Double) -> [UInt8] {
      (0..<count).flatMap { Self.bytes(of: Float(value($0)).bitPattern.littleEndian) }
    }
    switch self {
    case .zeros: return floats { _ in 0 }
    case .normal: return floats { _ in normal() }
    case .uniform: return floats { _ in Double.random(in: 0..<1, using: &generator) }
    case .rectified: return floats { _ in max(0, normal()) }
    case .integers: return floats { _ in Double(Int.random(in: -500..<500, using: &generator)) }
    case .smooth: return floats { sin(Double($0) / 1000) }
    case .sorted:
      let values = (0..<count).map { _ in normal() }.sorted()
      return floats { values[$0] }
    case .quantized:
      let columns = (0..<Self.columns).map { _ in (normal(), normal()) }
      return floats { index in
        let (scale, shift) = columns[index % Self.columns]
        return Double(Int.random(in: 0...3, using: &generator)) * scale + shift
      }
    case .repeatedRows:
      let row = (0..<Self.columns).map { _ in normal() }
      return floats { row[$0 % row.count] }
    case .repeatedRuns:
      let run = (0..<20_011).map { _ in normal() }
      return floats { run[$0 % run.count] }
    case .alternatingRows: return floats { $0 / Self.columns % 2 == 0 ? normal() : 0 }
    case .double: return (0..<count).flatMap { _ in Self.bytes(of: normal().bitPattern.littleEndian) }
    case .half:
      // The upper half of a Float, bfloat16.
      return (0..<count).flatMap { _ in Self.bytes(of: UInt16(Float(normal()).bitPattern >> 16).littleEndian)
      }
    case .bigEndian: return (0..<count).flatMap { _ in Self.bytes(of: Float(normal()).bitPattern.bigEndian) }
    }
  }

  private static func bytes(of value: some BitwiseCopyable) -> [UInt8] {
    withUnsafeBytes(of: value) { Array($0) }
  }
}

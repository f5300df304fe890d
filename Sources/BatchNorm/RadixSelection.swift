import Arithmetic

/// Finds exact order statistics of the values of each feature, digit by digit of their ordered bits, in memory that does not depend on how
/// many values there are: the values pass by as often as their numbers have digits.
///
///     while !selection.isFinished {
///       let counts = selection.counts()            // one for each thread
///       counts.add(x, mask, samples: samples)      // all samples, divided in any way
///       selection.narrow(by: counts)               // after all were joined with `add`
///     }
///     selection.quantiles(0)                       // [C]
///
/// Counts are whole numbers, so the result has the same bits however the samples are divided.
///
/// Quantile q of n values is that of NumPy's `quantile` with its default method: at h = (n - 1)·q between the sorted values, linear between
/// the two next to it. (Type 7 of R. J. Hyndman and Y. Fan, "Sample quantiles in statistical packages", 1996.)
///
/// Edge cases: NaN for no values, and for a feature that has a NaN among its values; infinities are as large as they are.
public final class RadixSelection {
  /// How the values lie.
  private let layout: FeatureLayout
  private let fractions: [Double]
  private let digits: Digits
  /// Digits that are known.
  private var known = 0
  /// Values of each feature, the same for all; known after the first digit.
  private var count = 0
  /// The order statistics that are needed, in ascending order.
  private var ranks: [Int] = []
  /// [C, ranks]: the digits that are known, and the place among the values that have them.
  private var found: [Target] = []
  /// [C]
  private var hasNaN: [Bool]

  fileprivate struct Target {
    var prefix: UInt64
    var rank: Int
  }

  /// - Parameters:
  ///   - layout: of a sample.
  ///   - type: what the values are stored as; float values have 3 digits, double ones 6.
  ///   - fractions: from 0 to 1.
  public init(_ layout: FeatureLayout, _ type: KernelType, fractions: [Double]) {
    self.layout = layout
    self.fractions = fractions
    digits = Digits(type)
    hasNaN = Array(repeating: false, count: layout.featureCount)
  }

  /// How often all values pass by.
  public static func passes(_ type: KernelType) -> Int { Digits(type).widths.count }

  /// Bytes for each feature: of the selection itself, and of the counts of one thread.
  public static func memoryPerFeature(_ fractions: Int) -> (selection: Int, counts: Int) {
    let ranks = max(1, 2 * fractions)
    return (
      Extent<Target>(ranks).byteCount + 1,
      Extent<Int>(ranks << Digits.width).byteCount + Extent<Int>(1).byteCount
    )
  }

  /// True once all digits are known.
  public var isFinished: Bool { known == digits.widths.count }

  /// Counts of nothing, for the next digit.
  public func counts() -> RadixCounts {
    RadixCounts(
      layout, digits, known: known, prefixes: known == 0 ? [] : found.map(\.prefix), ranks: ranks.count)
  }

  /// Takes what all values have as their next digit.
  public func narrow(by counts: RadixCounts) {
    if known == 0 {
      count = counts.values
      hasNaN = counts.nans.map { $0 > 0 }
      ranks = Set(
        fractions.flatMap { fraction -> [Int] in
          let place = place(of: fraction)
          return [place.lower, place.upper]
        }
      ).sorted()
      found = hasNaN.indices.flatMap { _ in ranks.map { Target(prefix: 0, rank: $0) } }
    }
    if count > 0 {
      let width = digits.widths[known]
      for index in found.indices where !hasNaN[index / ranks.count] {
        var (digit, rank) = (0, found[index].rank)
        let own = counts.row(known == 0 ? index / ranks.count : index)
        while rank >= own[digit] {
          rank -= own[digit]
          digit += 1
        }
        found[index] = Target(prefix: found[index].prefix << UInt64(width) | UInt64(digit), rank: rank)
      }
    }
    known += 1
  }

  /// Between which sorted values a quantile lies, and how far from the lower one.
  private func place(of fraction: Double) -> (lower: Int, upper: Int, share: Double) {
    let place = Double(max(0, count - 1)) * fraction
    let lower = Int(place.rounded(.down))
    return (lower, min(lower + 1, max(0, count - 1)), place - Double(lower))
  }

  /// One of the quantiles of every feature, [C]; after all digits are known.
  public func quantiles(_ index: Int) -> [Double] {
    precondition(isFinished)
    let place = place(of: fractions[index])
    return hasNaN.indices.map { feature in
      guard count > 0, !hasNaN[feature], let lower = ranks.firstIndex(of: place.lower),
        let upper = ranks.firstIndex(of: place.upper)
      else { return .nan }
      let low = digits.value(found[feature * ranks.count + lower].prefix)
      let high = digits.value(found[feature * ranks.count + upper].prefix)
      // Between equal infinities there is no distance; and no quantile is -0.
      if low == high || place.share == 0 { return low + 0 }
      let distance = high - low
      return (place.share < 0.5 ? low + distance * place.share : high - distance * (1 - place.share)) + 0
    }
  }
}

/// How many values of each feature have each digit next, among those that have the digits known so far.
public final class RadixCounts {
  private let layout: FeatureLayout
  private let digits: Digits
  private let known: Int
  private let prefixes: [UInt64]
  private let ranks: Int
  /// [C, ranks, digits], or for the first digit [C, digits]
  private var counts: [Int]
  /// [C]
  fileprivate private(set) var nans: [Int]
  /// Values of each feature.
  fileprivate private(set) var values = 0

  fileprivate init(
    _ layout: FeatureLayout, _ digits: Digits, known: Int, prefixes: [UInt64], ranks: Int
  ) {
    (self.layout, self.digits, self.known, self.prefixes, self.ranks) = (
      layout, digits, known, prefixes, ranks
    )
    let rows = layout.featureCount * (known == 0 ? 1 : ranks)
    counts = Array(repeating: 0, count: rows << Digits.width)
    nans = Array(repeating: 0, count: layout.featureCount)
  }

  fileprivate func row(_ index: Int) -> ArraySlice<Int> {
    let row = counts[index << Digits.width..<(index + 1) << Digits.width]
    return ArraySlice(Array(row))
  }

  /// Adds samples.
  /// - Parameters:
  ///   - x: [samples, P, C, S]
  ///   - mask: [samples, P, S], 0 where a value does not count; nil if all do.
  ///   - samples: how many there are.
  public func add(_ x: ReadableTensor, mask: UnsafePointer<UInt8>?, samples: Int) {
    let rows = samples * layout.positionRows
    switch x.type {
    case .float: add(x.pointer(Float.self), mask, rows) { digits.key(UInt64($0.bitPattern)) }
    case .double: add(x.pointer(Double.self), mask, rows) { digits.key($0.bitPattern) }
    }
    let all = rows * layout.planeLength
    values += mask.map { mask in (0..<all).reduce(0) { mask[$1] == 0 ? $0 : $0 + 1 } } ?? all
  }

  private func add<E: Element>(
    _ x: UnsafePointer<E>, _ mask: UnsafePointer<UInt8>?, _ rows: Int, key: (E) -> UInt64
  ) {
    let length = layout.planeLength
    let shift = UInt64(digits.shift(known))
    let digit = UInt64(1) << UInt64(digits.widths[known]) - 1
    let above = shift + UInt64(digits.widths[known])
    let (isFirst, ranks, features) = (known == 0, ranks, layout.featureCount)
    counts.withUnsafeMutableBufferPointer { counts in
      prefixes.withUnsafeBufferPointer { prefixes in
        // Feature by feature, so that its counts stay in the cache.
        for feature in 0..<features {
          var nan = 0
          for row in 0..<rows {
            let plane = x + (row * features + feature) * length
            for position in 0..<length {
              if let mask, mask[row * length + position] == 0 { continue }
              let value = plane[position]
              if value.isNaN {
                nan += 1
                continue
              }
              let bits = key(value)
              let next = Int((bits >> shift) & digit)
              if isFirst {
                counts[feature << Digits.width | next] += 1
                continue
              }
              let start = feature * ranks
              for rank in start..<start + ranks where prefixes[rank] == bits >> above {
                counts[rank << Digits.width | next] += 1
              }
            }
          }
          nans[feature] += nan
        }
      }
    }
  }

  /// Adds what another one counted for the same digit.
  public func add(_ other: RadixCounts) {
    precondition(known == other.known && counts.count == other.counts.count)
    for index in counts.indices { counts[index] += other.counts[index] }
    for index in nans.indices { nans[index] += other.nans[index] }
    values += other.values
  }
}

/// The digits of numbers, whose bits are changed so that they are in the numbers' order.
struct Digits: Sendable {
  /// Bits of the widest digit.
  static let width = 11
  /// Bits of each, from the first on.
  let widths: [Int]
  private let isFloat: Bool

  init(_ type: KernelType) {
    isFloat = type == .float
    widths = isFloat ? [11, 11, 10] : [11, 11, 11, 11, 10, 10]
  }

  /// Bits behind a digit.
  func shift(_ digit: Int) -> Int { widths[(digit + 1)...].reduce(0, +) }

  private var sign: UInt64 { isFloat ? 1 << 31 : 1 << 63 }
  private var all: UInt64 { isFloat ? 0xFFFF_FFFF : .max }

  /// Bits of a number, ordered: negative ones inverted, others behind them.
  @inline(__always)
  func key(_ bits: UInt64) -> UInt64 { bits & sign == 0 ? bits | sign : ~bits & all }

  /// The number that has these ordered bits.
  func value(_ key: UInt64) -> Double {
    let bits = key & sign == 0 ? ~key & all : key ^ sign
    return isFloat ? Double(Float(bitPattern: UInt32(bits))) : Double(bitPattern: bits)
  }
}

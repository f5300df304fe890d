import BatchNorm
import LayerFiles

/// How the values of a tensor are distributed, from its histogram: bounded, with equal bars over where nearly all of them are.
public struct Distribution: Encodable, Sendable, Equatable {
  /// How many values there are, and those of them that are NaN or infinite.
  public let values: Int
  public let nan: Int
  public let infinite: Int
  /// Where a thousandth of the finite values is below, half of them, and a thousandth above, to within a bin of the histogram.
  public let low: Double
  public let median: Double
  public let high: Double
  /// What the bars begin and end with.
  public let from: Double
  public let to: Double
  /// How many values each of equal bars has; those of a bin that several bars share are divided among them by its width.
  public let bars: [Double]
  /// Finite values outside of all bars.
  public let below: Int
  public let above: Int

  /// So many bars are drawn.
  static let barCount = 40

  /// Nil where there is no finite value.
  init?(_ histogram: BitHistogram) {
    var bins: [(least: Double, greatest: Double, count: Int)] = []
    var (nan, infinite) = (0, 0)
    for (bin, count) in histogram.counts.enumerated() where count > 0 {
      let bounds = BitHistogram.bounds(ofBin: bin)
      if bin == BitHistogram.nanBin {
        nan += count
      } else if bounds.least.isFinite && bounds.greatest.isFinite {
        bins.append((bounds.least, bounds.greatest, count))
      } else {
        infinite += count
      }
    }
    let finite = bins.reduce(0) { $0 + $1.count }
    guard finite > 0 else { return nil }
    /// The bin in which so large a part of the values is reached.
    func place(_ share: Double) -> Int {
      var sum = 0
      for (index, bin) in bins.enumerated() {
        sum += bin.count
        if Double(sum) >= share * Double(finite) { return index }
      }
      return bins.count - 1
    }
    let (first, last) = (place(0.001), place(0.999))
    let middle = bins[place(0.5)]
    (self.nan, self.infinite) = (nan, infinite)
    values = histogram.total
    (low, high) = (bins[first].least, bins[last].greatest)
    median = middle.least / 2 + middle.greatest / 2
    // Bounds of one sign and one bin may be equal: then a bar is as wide as the number is large.
    let least = low
    let greatest = high > low ? high : low + max(low.magnitude, Double(Float.leastNormalMagnitude))
    let width = greatest / Double(Self.barCount) - least / Double(Self.barCount)
    var bars = [Double](repeating: 0, count: Self.barCount)
    func bar(_ value: Double) -> Double { (value / width - least / width) }
    for bin in bins[first...last] {
      let (begin, end) = (bar(bin.least), bar(bin.greatest))
      let (from, through) = (Int(begin), min(Self.barCount - 1, Int(end)))
      guard through > from else {
        bars[min(from, Self.barCount - 1)] += Double(bin.count)
        continue
      }
      for index in from...through {
        let overlap = min(end, Double(index + 1)) - max(begin, Double(index))
        bars[index] += Double(bin.count) * max(0, overlap) / (end - begin)
      }
    }
    (from, to) = (least, greatest)
    self.bars = bars
    below = bins[..<first].reduce(0) { $0 + $1.count }
    above = bins[(last + 1)...].reduce(0) { $0 + $1.count }
  }
}

/// The distributions of a layer before and after normalization; nil where the file has none.
public struct LayerDistributions: Encodable, Sendable, Equatable {
  /// Of the activations, and of the outputs.
  public let input: Distribution?
  public let output: Distribution?

  /// - Throws: `HDF5Error`, `StreamError`, `ReportError`.
  init(_ results: LayerResults) throws {
    input = try results.histogram(.inputHistogram).flatMap { Distribution($0) }
    output = try results.histogram(.outputHistogram).flatMap { Distribution($0) }
  }
}

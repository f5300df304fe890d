import LayerFiles

/// What is wrong in a result that differs: how much, where, and in which direction.
public struct WrongValues: Encodable, Sendable, Equatable {
  /// How many numbers are further apart than the tolerance allows, and which part of all that is.
  public var count: Int
  public var share: Double
  /// Those of them that are NaN in the other file, or infinite.
  public var nan: Int
  public var infinite: Int
  /// Where they lie; nil where the result has no such axis, or it is too long to be counted.
  public var features: Touched?
  public var batches: Touched?
  public var samples: Touched?
  /// Positions within a sample, counted over its axes but the features' one.
  public var positions: Touched?
  /// The shape that positions are counted in.
  public var positionShape: [Int]
  /// The first in the tensor, and the worst, relative to what numbers are like in its feature.
  public var first: Value
  public var worst: Value
  /// theirs - ours in units in the last place of the element type, of all numbers that are finite: the least and the greatest.
  public var ulps: [Double]
  /// The same in bins of powers of two, from the most negative on, without empty ones.
  public var histogram: [Bin]

  /// A wrong number.
  public struct Value: Encodable, Sendable, Equatable {
    /// Its place in the tensor.
    public var index: [Int]
    public var ours: Double
    public var theirs: Double
    /// theirs - ours, and the same in units in the last place of the element type.
    public var error: Double
    public var ulps: Double

    private enum CodingKeys: String, CodingKey {
      case index, ours, theirs, error
      case ulps = "units"
    }
  }

  /// What of an axis has wrong numbers.
  public struct Touched: Encodable, Sendable, Equatable {
    /// How many have some, and of how many.
    public var count: Int
    public var of: Int
    /// Which: the first stretches, as first and last.
    public var ranges: [[Int]]
    /// Those with most, most first.
    public var worst: [Place]

    /// One place on the axis.
    public struct Place: Encodable, Sendable, Equatable {
      public var index: Int
      /// Its wrong numbers.
      public var count: Int
    }

    /// So many stretches and places are named at most.
    static let mostRanges = 8
    static let mostPlaces = 5

    /// Nil if nothing was counted.
    init?(_ counts: [Int]) {
      guard !counts.isEmpty else { return nil }
      (count, of, ranges, worst) = (0, counts.count, [], [])
      var last = -2
      for (index, wrong) in counts.enumerated() where wrong > 0 {
        count += 1
        if index == last + 1, !ranges.isEmpty {
          if ranges[ranges.count - 1][1] == last { ranges[ranges.count - 1][1] = index }
        } else if ranges.count < Self.mostRanges {
          ranges.append([index, index])
        }
        last = index
        // Of equal ones the first.
        if worst.count < Self.mostPlaces || wrong > worst[worst.count - 1].count {
          let place = worst.firstIndex { $0.count < wrong } ?? worst.count
          worst.insert(Place(index: index, count: wrong), at: place)
          if worst.count > Self.mostPlaces { worst.removeLast() }
        }
      }
    }
  }

  /// A bin: more than `from` and up to `to` units, below 0 from `from` on and less than `to`; equal numbers are in one from 0 to 0.
  public struct Bin: Encodable, Sendable, Equatable {
    public var from: Double
    /// Infinite for the last bin.
    public var to: Double
    public var count: Int
  }

  /// - Parameters:
  ///   - found: with at least one wrong number.
  ///   - comparison: of the same result.
  init(_ found: WrongElements, _ result: LayerResult, of layer: Layer, _ comparison: ResultComparison) {
    let shape = layer.shape(of: result)
    count = found.count
    share = Double(count) / Double(max(1, comparison.count))
    nan = found.nanCount
    infinite = found.infiniteCount
    let axes = result.entry.shape
    features = axes == .batches ? nil : Touched(found.ofFeatures)
    batches =
      switch axes {
      case .samples: Touched(found.ofBatches)
      case .batchesAndFeatures, .batches: Touched(found.ofRows)
      case .features, .quantilesAndFeatures, .bins: nil
      }
    samples = axes == .samples ? Touched(found.ofRows) : nil
    positionShape = []
    if axes == .samples {
      for (axis, length) in shape.enumerated() where axis > 0 && axis != layer.featureAxis {
        positionShape.append(length)
      }
    }
    positions = positionShape.isEmpty ? nil : Touched(found.ofPositions)
    func value(_ index: [Int], _ ours: Double, _ theirs: Double) -> Value {
      let unit = comparison.kind.unitInTheLastPlace(ours)
      return Value(
        index: index, ours: ours, theirs: theirs, error: theirs - ours, ulps: (theirs - ours) / unit)
    }
    let first = found.first ?? (0, 0, 0)
    self.first = value(tensorIndex(of: first.element, in: shape), first.ours, first.theirs)
    worst = value(comparison.index, comparison.ours, comparison.theirs)
    ulps = [found.errors.least, found.errors.greatest]
    histogram = found.errors.bins
  }

  private enum CodingKeys: String, CodingKey {
    case count, share, nan, infinite, features, batches, samples, positions, first, worst, histogram
    case positionShape = "position_shape"
    case ulps = "units"
  }
}

extension SignedErrors {
  /// The bins that are not empty, from the most negative on.
  var bins: [WrongValues.Bin] {
    func lower(_ bin: Int) -> Double {
      bin == 0 ? 0 : Double(sign: .plus, exponent: bin - 1, significand: 1)
    }
    func upper(_ bin: Int) -> Double {
      bin == Self.mostExponent ? .infinity : Double(sign: .plus, exponent: bin, significand: 1)
    }
    var bins: [WrongValues.Bin] = []
    for bin in negative.indices.reversed() where negative[bin] > 0 {
      bins.append(.init(from: -upper(bin), to: 0 - lower(bin), count: negative[bin]))
    }
    if equal > 0 { bins.append(.init(from: 0, to: 0, count: equal)) }
    for bin in positive.indices where positive[bin] > 0 {
      bins.append(.init(from: lower(bin), to: upper(bin), count: positive[bin]))
    }
    return bins
  }
}

import BatchNorm
import Configuration
import Foundation
import HDF5
import Jobs
import LayerFiles
import Parallel
import TestSupport
import Testing

@testable import Inspection
@testable import bn_stream

/// What is wrong where, against what is counted here number by number.
@Suite(.timeLimit(.minutes(30))) struct WrongValueTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private static let shape = [13, 4, 2, 3]
  private static let values = (0..<13 * 24).map { Double($0 % 101) - 50.25 }

  /// With running statistics of mean 0 and variance 1 and without ε, y is x. In batches of 5, 5 and 3 samples.
  private func plan(threads: Int = 1) throws -> JobPlan {
    var configuration = JobConfiguration()
    configuration.statistics = .running
    for role in [DatasetRole.runningMean, .runningVariance] {
      try configuration.datasets.setName("none", for: role)
    }
    configuration.epsilon = Epsilon(0)
    configuration.batchSize = BatchSize(samples: 5)
    configuration.threads = ThreadCount(threads)
    return try Repository.plan(
      folder.file("in.h5", ["activations": .init(shape: Self.shape, values: Self.values)]), configuration)
  }

  private func comparison(
    _ theirs: [Double], type: NumericType.Kind = .float64, threads: Int = 1
  ) throws -> ResultComparison {
    let other = try folder.file(
      "other.h5", ["output": .init(shape: Self.shape, values: theirs, type: type)])
    let report = try plan(threads: threads).verified(against: other)
    return try #require(report.layers[0].comparisons.first)
  }

  @Test func nothingIsWrong() throws {
    #expect(try comparison(Self.values).wrong == nil)
  }

  @Test(arguments: [1, 3]) func everyNumberIsCounted(threads: Int) throws {
    var theirs = Self.values
    // Sample, feature, row, column; all but the last element of feature 1 of sample 12, and some of feature 3.
    let changes: [(index: [Int], value: Double)] = [
      ([6, 3, 0, 1], .nan), ([6, 3, 1, 1], 7), ([7, 3, 0, 1], .infinity), ([12, 1, 0, 0], 100),
      ([12, 1, 0, 1], 100), ([12, 1, 0, 2], 100), ([12, 1, 1, 0], 100), ([12, 1, 1, 1], -100),
    ]
    for (index, value) in changes {
      theirs[((index[0] * 4 + index[1]) * 2 + index[2]) * 3 + index[3]] = value
    }
    let wrong = try #require(try comparison(theirs, threads: threads).wrong)
    #expect(wrong.count == 8 && wrong.share == 8.0 / 312 && wrong.nan == 1 && wrong.infinite == 1)
    typealias Touched = WrongValues.Touched
    func expect(_ touched: Touched?, of: Int, ranges: [[Int]], worst: [(Int, Int)]) {
      #expect(touched?.of == of && touched?.ranges == ranges)
      #expect(touched?.count == worst.count)
      #expect(touched?.worst == worst.map { Touched.Place(index: $0.0, count: $0.1) })
    }
    expect(wrong.features, of: 4, ranges: [[1, 1], [3, 3]], worst: [(1, 5), (3, 3)])
    expect(wrong.batches, of: 3, ranges: [[1, 2]], worst: [(2, 5), (1, 3)])
    expect(wrong.samples, of: 13, ranges: [[6, 7], [12, 12]], worst: [(12, 5), (6, 2), (7, 1)])
    expect(wrong.positions, of: 6, ranges: [[0, 4]], worst: [(1, 3), (4, 2), (0, 1), (2, 1), (3, 1)])
    #expect(wrong.positionShape == [2, 3])
    #expect(wrong.first.index == [6, 3, 0, 1] && wrong.first.theirs.isNaN)
    #expect(wrong.first.ours == Self.values[((6 * 4 + 3) * 2) * 3 + 1])
  }

  /// Wherever the features' axis is, positions are counted over the others, the last one first.
  @Test(
    arguments: [
      (1, [[0, 1]], [[1, 2]]), (2, [[0, 1]], [[0, 0], [3, 3]]), (3, [[0, 1]], [[1, 2]]),
    ] as [(Int, [[Int]], [[Int]])])
  func positionsAreCountedAroundTheFeatures(axis: Int, features: [[Int]], positions: [[Int]]) throws {
    let values: [Double] = (0..<24).map { Double($0 % 7) + 1 }
    var configuration = try JobConfiguration(
      json: #"{"statistics": "running", "epsilon": 0, "feature_axis": \#(axis)}"#, source: "test")
    for role in [DatasetRole.runningMean, .runningVariance] {
      try configuration.datasets.setName("none", for: role)
    }
    let plan = try Repository.plan(
      folder.file("in.h5", ["activations": .init(shape: [3, 2, 2, 2], values: values)]), configuration)
    var theirs = values
    theirs[8 + 2] += 1
    theirs[16 + 4 + 1] += 100
    let other = try folder.file("other.h5", ["output": .init(shape: [3, 2, 2, 2], values: theirs)])
    let comparison = try #require(try plan.verified(against: other).layers[0].comparisons.first)
    let wrong = try #require(comparison.wrong)
    #expect(wrong.count == 2 && wrong.positionShape == [2, 2])
    #expect(wrong.features?.ranges == features && wrong.samples?.ranges == [[1, 2]])
    #expect(wrong.positions?.ranges == positions && wrong.positions?.of == 4)
    #expect(wrong.first.index == [1, 0, 1, 0] && wrong.first.error == 1)
    #expect(wrong.worst.index == [2, 1, 0, 1] && wrong.worst.error == 100)
  }

  /// At 64 neighbouring numbers of float32 are 2⁻¹⁷ apart: theirs are 3 of them more, and 1000 less.
  @Test func errorsHaveASign() throws {
    var theirs = Self.values
    let places = theirs.indices.filter { theirs[$0] == 32.75 }
    try #require(places.count == 3)
    theirs[places[0]] += 3 * 0x1p-18
    theirs[places[1]] -= 1000 * 0x1p-18
    theirs[places[2]] -= 1025 * 0x1p-18
    let comparison = try comparison(theirs, type: .float32)
    let wrong = try #require(comparison.wrong)
    // 3 units are within the tolerance of 10⁻⁵ · 50; they are in the histogram all the same.
    #expect(wrong.count == 2 && wrong.first.ulps == -1000 && wrong.worst.ulps == -1025)
    #expect(wrong.first.error == -1000 * 0x1p-18 && wrong.ulps == [-1025, 3])
    #expect(
      wrong.histogram == [
        .init(from: -2048, to: -1024, count: 1), .init(from: -1024, to: -512, count: 1),
        .init(from: 0, to: 0, count: 309), .init(from: 2, to: 4, count: 1),
      ])
  }

  @Test func binsArePowersOfTwo() {
    for (units, bin) in [
      (0x1p-1074, 0), (1, 0), (1.0000001, 1), (2, 1), (2.5, 2), (4, 2), (4.1, 3), (0x1p39, 39),
      (0x1p41, 40), (1e300, 40),
    ] as [(Double, Int)] {
      #expect(SignedErrors.bin(units) == bin, "\(units)")
    }
  }

  /// Neighbouring numbers of float64 are 2⁻⁵² apart at 1: 2 is 2⁵² of them away, and -1 2⁵³. What is not finite is no number of units.
  @Test func theLastBinsHaveNoEnd() {
    var errors = SignedErrors()
    errors.add(1, 2, .float64)
    errors.add(1, -1, .float64)
    errors.add(1, 1 - 0x1p-52, .float64)
    errors.add(1, .nan, .float64)
    errors.add(.infinity, 1, .float64)
    #expect(errors.least == -0x1p53 && errors.greatest == 0x1p52)
    #expect(
      errors.bins == [
        .init(from: -.infinity, to: -0x1p39, count: 1), .init(from: -1, to: 0, count: 1),
        .init(from: 0x1p39, to: .infinity, count: 1),
      ])
  }

  /// Of many stretches and places the first and the worst are named.
  @Test func listsAreBounded() throws {
    let counts = (0..<100).map { $0 % 2 == 0 ? 0 : $0 }
    let touched = try #require(WrongValues.Touched(counts))
    #expect(touched.count == 50 && touched.of == 100)
    #expect(touched.ranges == (0..<8).map { [2 * $0 + 1, 2 * $0 + 1] })
    #expect(touched.worst.map(\.index) == [99, 97, 95, 93, 91])
    // A stretch that is named is named to its end, and no later one in its place.
    let long = try #require(WrongValues.Touched((0..<60).map { $0 % 4 == 3 ? 0 : 1 }))
    #expect(long.ranges.count == 8 && long.ranges.last == [28, 30] && long.count == 45)
  }

  /// Of many stretches those with most are named, those first that have more.
  @Test func thoseWithMostAreNamed() throws {
    var theirs = Self.values
    for (sample, count) in [(1, 1), (3, 1), (5, 3), (7, 1), (9, 2)] {
      for place in 0..<count { theirs[24 * sample + place] += 1 }
    }
    let comparison = try comparison(theirs)
    let lines = WrongValuesText(try #require(comparison.wrong), of: comparison).lines
    #expect(lines[0].contains("; 5 of 13 samples, most in 5, 9, 1"), "\(lines)")
  }

  /// Up to four stretches are named as they are.
  @Test func fourStretchesAreNamed() throws {
    var theirs = Self.values
    for sample in [1, 3, 5, 7, 8] { theirs[24 * sample] += sample == 5 ? 7 : 1 }
    let comparison = try comparison(theirs)
    let lines = WrongValuesText(try #require(comparison.wrong), of: comparison).lines
    #expect(
      lines[0]
        == "/output: 5 (1.6 %) of 312 numbers wrong: feature 0 (of 4); batches 0-1 (of 3); samples 1, 3, 5, 7-8 (of 13); "
        + "position 0 (of 6)")
    #expect(
      lines[1].hasPrefix(
        "  first [1, 0, 0, 0] -25.25 for -26.25, worst [5, 0, 0, 0] -24.25 for -31.25; errors "),
      "\(lines)")
  }

  /// Of equally large errors the first one is told, whichever thread meets one first.
  @Test func theFirstOfEqualErrorsIsTold() {
    let layout = FeatureLayout(positionRows: 1, featureCount: 2, planeLength: 1)
    let (ours, theirs) = ([1.0, 2, 3, 4], [1.5, 2, 3.5, 5])
    let parts = [0..<2, 2..<4].map { samples in
      var errors = ElementErrors(layout)
      errors.add(ours, theirs, TensorPart(samples: samples, features: 0..<2))
      return errors
    }
    for order in [[0, 1], [1, 0]] {
      var all = ElementErrors(layout)
      for part in order { all.merge(parts[part]) }
      #expect(all.features.map(\.element) == [0, 3])
      #expect(all.features.map(\.error) == [0.5, 1])
      #expect(all.features.map(\.ours) == [1, 4] && all.count == 8)
    }
  }

  @Test func wordsSayWhere() throws {
    var theirs = Self.values
    for place in 12 * 24..<13 * 24 { theirs[place] = .nan }
    let comparison = try comparison(theirs)
    let wrong = try #require(comparison.wrong)
    #expect(
      WrongValuesText(wrong, of: comparison).lines == [
        "/output: 24 (7.69 %) of 312 numbers wrong, 24 NaN of them: all 4 features; batch 2 (of 3); sample 12 (of 13); all 6 positions",
        "  first [12, 0, 0, 0] nan for 35.75",
      ])
  }

  @Test(
    arguments: [
      ([-1, -2], "ulp, all downwards"), ([1, 2, 3], "ulp, all upwards"),
      ([-1, 2, 1, 4], "ulp, 75 % of them upwards"),
    ] as [([Double], String)])
  func wordsSayInWhichDirection(changes: [Double], words: String) throws {
    var theirs = Self.values
    for (place, change) in changes.enumerated() { theirs[place] += change }
    let comparison = try comparison(theirs)
    let lines = WrongValuesText(try #require(comparison.wrong), of: comparison).lines
    #expect(lines.count == 2 && lines[1].hasSuffix(words), "\(lines)")
  }

  /// How many samples a batch has is no number of a feature.
  @Test func countsHaveNoFeatures() throws {
    let other = try folder.file(
      "other.h5", ["batches/count": .init(shape: [3], values: [5, 4, 3], type: .int64)])
    let comparison = try #require(try plan().verified(against: other).layers[0].comparisons.first)
    #expect(comparison.result == "batches/count" && comparison.index == [1])
    let wrong = try #require(comparison.wrong)
    #expect(wrong.count == 1 && wrong.share == 1.0 / 3 && wrong.worst.error == -1)
    #expect(wrong.features == nil && wrong.samples == nil && wrong.positions == nil)
    #expect(wrong.batches?.ranges == [[1, 1]] && wrong.batches?.of == 3)
    #expect(wrong.first.index == [1] && wrong.first.ours == 5 && wrong.first.theirs == 4)
  }

  /// NaN and infinities are told together, where there is either.
  @Test(
    arguments: [(24, 0, "24 NaN"), (0, 24, "24 infinite"), (21, 3, "21 NaN, 3 infinite"), (0, 0, nil)]
      as [(Int, Int, String?)])
  func whatIsNotFiniteIsCounted(nan: Int, infinite: Int, words: String?) throws {
    var theirs = Self.values
    for place in 0..<24 {
      let odd: Double = place < nan ? .nan : place < nan + infinite ? .infinity : 1000
      theirs[12 * 24 + place] = odd
    }
    let comparison = try comparison(theirs)
    let lines = WrongValuesText(try #require(comparison.wrong), of: comparison).lines
    let special = words.map { ", \($0) of them" } ?? ""
    #expect(
      lines[0].hasPrefix("/output: 24 (7.69 %) of 312 numbers wrong\(special): all 4 features; "), "\(lines)")
  }

  /// Rows of quantiles are those of the percents, and no batches. Of 1, 3, 5, 7 and 10, 30, 50, 90 the medians are 4 and 40.
  @Test func quantilesHaveNoBatches() throws {
    let input = try folder.file(
      "in.h5", ["bn/activations": .init(shape: [4, 2], values: [1, 10, 3, 30, 5, 50, 7, 90])])
    let configuration = try JobConfiguration(
      json: #"{"outputs": ["population"], "quantiles": [0, 50, 100], "threads": 1}"#, source: "test")
    func layer(_ theirs: [Double]) throws -> LayerVerification {
      let other = try folder.file("other.h5", ["bn/quantiles": .init(shape: [3, 2], values: theirs)])
      return try Repository.plan(input, configuration).verified(against: other).layers[0]
    }
    let right = try layer([1, 10, 4, 40, 7, 90])
    #expect(right.comparisons.map(\.result) == ["quantiles"] && right.comparisons.allSatisfy(\.agrees))
    let differing = try layer([1, 10, 4, 40.5, 7, 91])
    let comparison = try #require(differing.comparisons.first)
    #expect(!comparison.agrees && comparison.index == [2, 1] && comparison.count == 6)
    #expect(comparison.ours == 90 && comparison.theirs == 91)
    let wrong = try #require(comparison.wrong)
    #expect(wrong.count == 2 && wrong.features?.ranges == [[1, 1]])
    #expect(wrong.batches == nil && wrong.samples == nil && wrong.positions == nil)
    #expect(wrong.first.index == [1, 1] && wrong.first.ours == 40 && wrong.first.theirs == 40.5)
    #expect(differing.unexplained == ["quantiles"])
  }
}

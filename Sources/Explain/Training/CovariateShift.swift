import BatchNorm
import BatchNormReference
import Parallel

/// Whether batch normalization works by keeping the distributions of layers' inputs where they are: the same network without it, with it, and
/// with it and noise after it that moves each unit's distribution at every step (Santurkar et al. 2018, arXiv:1805.11604, figure 2 and
/// definition 2.1).
struct CovariateShift {
  let samples: LabelledSamples
  var steps = 400
  var rate = 0.1
  var hidden = [64, 64, 64, 64, 64]
  var batchSize = 128
  var seed: UInt64 = 1

  /// One number for each step.
  struct Course {
    var loss: [Double] = []
    /// How far the mean of a unit's input moves, over all hidden units.
    var movement: [Double] = []
    /// Of a layer's gradient before and after the layers below it took their step, over the layers above the first.
    var distance: [Double] = []
    var cosine: [Double] = []

    var lastLoss: Double { meanOfLastTenth(loss) }
    var learns: Bool { lastLoss < 0.5 * (loss.first ?? 0) }
  }

  func course(_ variant: Variant, step: StepHandler) throws -> Course {
    let network = Network(
      inputs: samples.x.columns, hidden: hidden, classes: samples.classes, activation: .relu,
      hasBatchNorm: variant != .without)
    var training = Training(network, rate: rate, seed: seed)
    var noises = SplitMix64(seed: seed + 2)
    var course = Course()
    let places = network.places
    let probe = samples.probe(seed: seed + 3)
    var before: [Double]?
    for batch in samples.batches(of: batchSize, count: steps, seed: seed + 1) {
      try step()
      let noise = variant == .noisy ? noise(&noises) : nil
      let here = try network.pass(training.parameters, batch.x, batch.labels, noise: noise)
      let next = training.moved(by: -rate, along: here.gradient)
      // Definition 2.1: the gradient of a layer where only those below it have moved.
      var (distances, cosines): ([Double], [Double]) = ([], [])
      for place in places[1..<hidden.count] {
        let mixed = Array(next[..<place.all.lowerBound] + training.parameters[place.all.lowerBound...])
        let there = try network.pass(mixed, batch.x, batch.labels, noise: noise)
        let (a, b) = (Array(here.gradient[place.all]), Array(there.gradient[place.all]))
        distances.append(distance(a, b))
        cosines.append(innerProduct(a, b) / (norm(a) * norm(b)))
      }
      course.loss.append(here.loss)
      course.distance.append(distances.reduce(0, +) / Double(distances.count))
      course.cosine.append(cosines.reduce(0, +) / Double(cosines.count))
      training.parameters = next
      let means = try network.pass(next, probe.x, probe.labels, noise: noise, wantsGradient: false)
        .preactivations.flatMap { units in units.columnSums.map { $0 / Double(units.rows) } }
      if let before {
        course.movement.append(
          zip(before, means).reduce(0) { $0 + abs($1.0 - $1.1) } / Double(means.count))
      }
      before = means
    }
    return course
  }

  private func noise(_ random: inout SplitMix64) -> Network.Noise {
    let scale = hidden.map { units in (0..<units).map { _ in 1 + random.nextUnit() } }
    let shift = hidden.map { units in (0..<units).map { _ in 2 * random.nextUnit() - 1 } }
    return Network.Noise(scale: scale, shift: shift)
  }

  func explanation(_ pool: WorkerPool, step: @escaping StepHandler) throws -> Explanation {
    let variants: [Variant] = [.without, .with, .noisy]
    let courses = try pool.map(variants) { try course($0, step: step) }
    var measures: [Measure] = []
    var series: [Series] = []
    for (variant, course) in zip(variants, courses) {
      measures += [
        Measure(.firstLoss, variant, course.loss.first ?? .nan),
        Measure(.lastLoss, variant, course.lastLoss),
        Measure(.movementOfMeans, variant, median(course.movement)),
        Measure(.gradientDistance, variant, median(course.distance)),
        Measure(.gradientCosine, variant, median(course.cosine)),
      ]
      series += [
        Series("\(variant.rawValue)/loss", course.loss),
        Series("\(variant.rawValue)/movement_of_means", course.movement),
        Series("\(variant.rawValue)/gradient_distance", course.distance),
        Series("\(variant.rawValue)/gradient_cosine", course.cosine),
      ]
    }
    let (plain, normalized, noisy) = (courses[0], courses[1], courses[2])
    return Explanation(
      .covariateShift, on: samples.data, measures, series: series,
      against: Self.against(plain: plain, noisy: noisy), isConclusive: normalized.learns)
  }

  /// It holds if the noisy network's distributions move more than the plain one's and it learns all the same.
  static func against(plain: Course, noisy: Course) -> [Quantity] {
    (median(noisy.movement) > median(plain.movement) ? [] : [.movementOfMeans])
      + (noisy.learns ? [] : [.lastLoss])
  }
}

import LayerFiles
import Parallel

/// Of the errors in a layer's data, the one that comes first in the order of the batches, whichever slice met one first: what a
/// job says of its data does not depend on how the features were divided, nor on which worker was faster.
///
/// A slice that fails lets the others go on as far as the batch in which it failed.
final class FirstDataError: Sendable {
  /// Thrown to end a slice that is beyond the error that is first.
  private struct Superseded: Error {}

  private let first = Guarded<(place: DataPlace, error: StreamError)?>(nil)

  /// - Throws: an error that `take` takes, if a slice failed in an earlier batch.
  func check(batch: Int) throws {
    guard let failed = first.withLock({ $0?.place.batch }), failed < batch else { return }
    throw Superseded()
  }

  /// Keeps an error of the data that may be the first.
  /// - Returns: false if the error is another one, which is to end the job at once.
  func take(_ error: any Error) -> Bool {
    if error is Superseded { return true }
    guard let error = error as? StreamError, let place = error.placeInData else { return false }
    first.withLock { first in
      if first.map({ place < $0.place }) ?? true { first = (place, error) }
    }
    return true
  }

  /// - Throws: the first error, if there is one.
  func rethrow() throws {
    if let error = first.withLock({ $0?.error }) { throw error }
  }
}

/// Where in the data of a layer an error is: in the order in which a job without slices comes upon it.
private struct DataPlace: Comparable {
  let batch: Int
  /// Which of the checks of a batch.
  let check: Int
  let feature: Int

  static func < (left: DataPlace, right: DataPlace) -> Bool {
    (left.batch, left.check, left.feature) < (right.batch, right.check, right.feature)
  }
}

extension StreamError {
  fileprivate var placeInData: DataPlace? {
    switch self {
    case .nothingCounts(_, _, let batch), .singleValueBatch(_, _, let batch, _):
      DataPlace(batch: batch, check: 0, feature: 0)
    case .nonfinite(_, _, let batch, let feature, _): DataPlace(batch: batch, check: 1, feature: feature)
    case .overflow(_, _, let batch, let feature, .variance):
      DataPlace(batch: batch, check: 2, feature: feature)
    case .overflow(_, _, let batch, let feature, .gradient):
      DataPlace(batch: batch, check: 3, feature: feature)
    default: nil
    }
  }
}

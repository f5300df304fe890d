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

  /// - Throws: an error that `keeping` lets pass, if a slice failed in an earlier batch.
  func check(batch: Int) throws {
    guard let failed = first.withLock({ $0?.place.batch }), failed < batch else { return }
    throw Superseded()
  }

  /// Does the work on a slice, and keeps an error of the data, which may be the first.
  /// - Throws: any other error, which is to end the job at once.
  func keeping(_ body: () throws -> Void) throws {
    do {
      try body()
    } catch is Superseded {
    } catch let error as StreamError {
      guard let place = error.placeInData else { throw error }
      first.withLock { first in
        if first.map({ place < $0.place }) ?? true { first = (place, error) }
      }
    }
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

import BatchNorm
import LayerFiles

/// Where the batches of a slice go, in order, and from where to where they are computed: to the end of the job, or of a shard.
///
/// Used by one thread at a time.
protocol BatchCourse: AnyObject {
  /// From where on results are taken: the first batch, or where an earlier run got to.
  var start: SlicePosition { get }
  /// Up to which batch.
  var endBatch: Int { get }
  /// From where on batches are computed: `start`, or before it where chunks were not full when the earlier run ended.
  var firstBatch: Int { get }
  /// From where on samples are written.
  var firstSample: Int { get }
  /// For a task.
  var emptyNotes: WorkNotes { get }
  /// True if it is time to say how far the work on a batch is: never of one that was taken before, for then the work is further than that.
  func isDue(within batch: Int) -> Bool

  /// Takes the result of the next batch, unless an earlier run has.
  func take(_ result: BatchResult, batch: Int) throws

  /// Takes what a task noted, and says how far the work is if it is time.
  /// - Parameter batch: all batches before it are done.
  func reach(batch: Int, _ task: WorkNotes) throws

  /// The same within a batch that all workers share.
  /// - Parameter position: up to where all of the batch is done.
  func reach(
    within batch: Int, _ position: @autoclosure () -> SlicePosition.Within, _ task: WorkNotes) throws
}

namespace Berth.Abstractions;

/// <summary>
/// The failure of an operation. <see cref="Code"/> maps to a gRPC status; the message says what failed, on which
/// object, why, and what to do.
/// </summary>
public sealed class RuntimeException : Exception
{
    /// <summary>Creates the failure.</summary>
    public RuntimeException(RuntimeErrorCode code, string message, Exception? innerException = null)
        : base(message, innerException) => Code = code;

    /// <summary>What kind of failure.</summary>
    public RuntimeErrorCode Code { get; }

    /// <summary>The object does not exist.</summary>
    public static RuntimeException NotFound(string message) => new(RuntimeErrorCode.NotFound, message);

    /// <summary>The request can never work as it is.</summary>
    public static RuntimeException InvalidArgument(string message) => new(RuntimeErrorCode.InvalidArgument, message);

    /// <summary>The object is not in the state that the request needs.</summary>
    public static RuntimeException FailedPrecondition(string message) => new(RuntimeErrorCode.FailedPrecondition, message);

    /// <summary>Something that the request needs is missing now; a retry may work.</summary>
    public static RuntimeException Unavailable(string message, Exception? innerException = null) =>
        new(RuntimeErrorCode.Unavailable, message, innerException);

    /// <summary>The handler does not have this ability.</summary>
    public static RuntimeException NotSupported(string ability) =>
        new(RuntimeErrorCode.NotSupported, $"{ability} is not supported by this handler");
}

/// <summary>Kinds of failure, with the gRPC status that each becomes.</summary>
public enum RuntimeErrorCode
{
    /// <summary>A defect or an unforeseen failure: INTERNAL.</summary>
    Internal,

    /// <summary>INVALID_ARGUMENT.</summary>
    InvalidArgument,

    /// <summary>NOT_FOUND.</summary>
    NotFound,

    /// <summary>ALREADY_EXISTS.</summary>
    AlreadyExists,

    /// <summary>FAILED_PRECONDITION.</summary>
    FailedPrecondition,

    /// <summary>PERMISSION_DENIED: credentials were refused.</summary>
    PermissionDenied,

    /// <summary>RESOURCE_EXHAUSTED: a limit or the disk is full.</summary>
    ResourceExhausted,

    /// <summary>UNAVAILABLE: another operation holds the object; try again.</summary>
    Busy,

    /// <summary>UNIMPLEMENTED.</summary>
    NotSupported,

    /// <summary>UNAVAILABLE.</summary>
    Unavailable,

    /// <summary>DEADLINE_EXCEEDED.</summary>
    DeadlineExceeded,

    /// <summary>DATA_LOSS: content does not match its digest.</summary>
    DataLoss,
}

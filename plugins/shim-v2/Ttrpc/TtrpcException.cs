namespace Berth.Plugins.ShimV2.Ttrpc;

/// <summary>A call that failed.</summary>
internal sealed class TtrpcException(TtrpcCode code, string message, Exception? inner = null) : Exception(message, inner)
{
    public TtrpcCode Code => code;
}

/// <summary>Status codes of gRPC, as far as they are told apart.</summary>
internal enum TtrpcCode
{
    Ok = 0,
    Unknown = 2,
    DeadlineExceeded = 4,
    NotFound = 5,
    AlreadyExists = 6,
    FailedPrecondition = 9,
    Unimplemented = 12,
    Unavailable = 14,
}

// Package faulttest tests fleets on real redis-server processes, under every fault that
// Redis is known for. A checker compares each subscriber with the sets that were
// published. The tests write their measurements into docs/reliability.md. The package has
// no code except tests.
//
// # Promises
//
// This table names the promises of fleetdial, and the tests that hold them.
// TestPromises_TestsExist checks that each test exists.
//
//	P1   A reader sees one published set, never a mixture, and never blocks.
//	     TestFaultMatrix TestSoak TestRunStoreTests_BrokenStoresFail
//	     TestDecide_DoesNotAllocate TestSet_CopiesDirectives
//	     TestEvaluate_DoesNotAllocate TestSim TestSubscriber_ReaderSeesWholeSetsInOrder
//	P2   While Redis answers, a subscriber has a set that the key held within the last
//	     resync interval. If no message is lost, it has the current set within
//	     milliseconds.
//	     TestFaultMatrix TestTopologies TestSoak TestSim
//	     TestSubscriber_LostAnnouncementCorrectedByResync
//	     TestSubscriber_KilledServerThatComesBackWithItsData
//	     TestSubscriber_HungServerMakesItStale TestSubscriber_HungFetchMakesItStale
//	     TestSession_FetchAfterTheSubscription TestFetch_AnnouncementDuringFetch
//	     TestResync_ReadsHeaderAndEachTenthTimeTheValue
//	     TestRotation_OldSessionStaysUntilTheSuccessorIsReliable
//	     TestSubscriber_SubscriptionAge TestFollower_ForgedVersionHidesNoLoss
//	P3   A value that does not decode, does not verify or exceeds the limits is never
//	     applied. The subscriber keeps its set, and reports the rejection.
//	     TestFaultMatrix TestDecode_RejectedFields TestDecode_HostileBytesAllocateLittle
//	     TestDecode_MaxDepth TestVerify_NoByteCanChange TestVerify_RejectsOtherSignatures
//	     TestSim TestSubscriber_RejectedValueKeepsSetAndIsLoggedOnce
//	     TestSubscriber_AlteredValueIsNoticed TestSignedFleet_AppliesOnlySignedValues
//	     TestValue_ReencodedSignatureIsRejected TestValue_SignedReplayIsRejected
//	     TestRead_LimitToTheByte TestFormat_UnknownIsRejectedWithVersionAndID
//	     TestDecode_RejectedInstances
//	P4   A directive ends at its absolute expiry. No reconnect, restart, resync, outage,
//	     snapshot file or wrong clock extends it.
//	     TestFaultMatrix TestSoak TestEvaluate_ExpiryIsExact TestParseBody_TTLRoundedDown
//	     TestAnchor_CountsOnTheOtherClock TestAnchorAfter_ClockThatGoesBackExtendsNothing
//	     TestReanchor_OnlyShortens TestAnchor_NoMeasurementExtends
//	     TestEarliestEpoch_NothingEndsLater TestForInstance_KeepsAnchors TestSim
//	     TestSubscriber_NothingExtendsADirective TestClock_OneWrongReadingIsIgnored
//	     TestClock_JumpIsConfirmedAndLoggedOnce TestClock_DirectivePublishedAgain
//	     TestClock_SetBackExtendsNothing TestClock_SuspendedMachine
//	     TestSnapshot_ExtendsNothing
//	     TestSnapshot_ExtendsNothingIfTheFleetsClockGoesBack
//	     TestPublish_UsesClockOfRedis TestPublish_ChecksClockOfRedis TestPublish_MaxTTL
//	P5   A misspelled or empty value, or an unknown field, never makes a directive match
//	     more requests than intended.
//	     TestParseBody_RejectedJSON TestParseBody_RejectedYAML
//	     TestParseBody_PlainYAMLStrings TestParseToken_Rejected TestDecode_RejectedFields
//	     TestNewSet_RejectsBeyondLimits TestParseBody_RejectedDetails
//	     TestParseBody_AmbiguousYAMLLabels TestForInstance_WholeSetAppliesNone
//	P6   The key is the truth. Revisions with the same id are the same. A version that
//	     goes back is applied, counted and logged.
//	     TestFaultMatrix TestSoak TestSim
//	     TestSubscriber_VersionThatGoesBackIsAppliedCountedAndLogged
//	     TestWait_RevisionLost TestWait_IgnoresVersionsAboveCurrent
//	P7   If the key is missing, subscribers keep their set until it expires, and report
//	     it. Only an empty set clears the fleet.
//	     TestFaultMatrix TestSim TestSubscriber_MissingKeyKeepsSet
//	     TestSubscriber_EmptyServerKeepsSet TestRead_TellsAMissingKeyFromAnEmptyOne
//	P8   A publish is atomic and conditional. It never overwrites a set that the
//	     publisher has not seen. After a lost reply, the id in the key settles the
//	     outcome. Nothing is published twice.
//	     TestPublish_Linearizable TestUpdate_ConcurrentPublishersLoseNothing
//	     TestUpdate_LostRace TestPublish_ConflictNamesCurrentRevision
//	     TestPublish_LostReplySettledByID TestPublish_LostReplyTruncatedHistory
//	     TestPublish_LostRequestIsPublishedOnce TestPublish_LateExecIsPublishedOnce
//	     TestPublish_OutcomeUnknown TestPublish_OpenOutcomeGoesOnAfterEveryError
//	     TestPublish_OpenOutcomeUntilContextEnds TestPublish_ConflictSettlesOpenOutcome
//	     TestPublish_LostReplyFoundInHistory TestFind_TruncatedHistory
//	     TestPublish_LostReplyAfterVersionsBeganAgain TestUpdate_WatchesKeyAndHistory
//	     TestPublish_IfCurrent TestPublish_IfUnreadable TestPublish_ConditionsKeepUnreadableValue
//	     TestExec_AbandonedNeverBegins TestPublish_ConflictOfWholeSetEndsCommand
//	P9   A slow, hung, missing or hostile Redis never blocks or crashes the proxy, leaks
//	     a goroutine, spins, or floods the log.
//	     TestFaultMatrix TestTopologies TestSoak TestDecode_HostileBytesAllocateLittle
//	     TestSim TestSubscriber_StormOfMessagesCostsLittle
//	     TestMessages_StormCostsFewFetches TestValue_FlappingKeyDoesNotFloodTheLog
//	     TestValue_RejectionsDoNotFloodTheLog TestReport_ReadOnlyUserIsLoggedOnce
//	     TestReport_StoppedRedisDoesNotBlockClose TestSession_FailuresBackOff
//	P10  Every goroutine has an owner. Close ends the goroutines and waits for them.
//	     TestFaultMatrix TestSoak TestClose_DuringEachFault
//	     TestClose_HungServerTakesLessThanASecond TestClose_WaitsForListener
//	     TestClose_DuringAReportLeavesNoRow TestClose_ServerGoneFromTheStart
package faulttest

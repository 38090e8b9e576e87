/* SPDX-License-Identifier: Apache-2.0 */
/* What is easily got wrong, with all outcomes there may be: "= OUTPUT", or "! Error: cause", where
 * a cause that is a sentence of the engine's is "*". Source: Amazon States Language; recorded
 * cases. */
#ifndef STEPFLEET_TESTS_SIM_MODEL_CASES_H
#define STEPFLEET_TESTS_SIM_MODEL_CASES_H

struct model_case {
    const char *name;
    const char *definition;
    const char *input;
    const char *outcomes[4];
    unsigned redrives;
    const char *child; /* the definition of "m0" */
};

#define INFRA                                                                                      \
    "{\"ErrorEquals\":[\"Lambda.ServiceException\"],\"MaxAttempts\":99999999,\"IntervalSeconds\":" \
    "1,\"BackoffRate\":1}"
#define RETRY      "\"Retry\":[" INFRA "]"
#define FUNCTION   "\"Type\":\"Task\",\"Resource\":\"arn:aws:lambda:us-east-1:000000000042:function:"
#define INVOKE     "\"Type\":\"Task\",\"Resource\":\"arn:aws:states:::lambda:invoke\","
#define ACTIVITY   "\"Type\":\"Task\",\"Resource\":\"arn:aws:states:us-east-1:000000000042:activity:"
#define ONE(state) "{\"StartAt\":\"A\",\"States\":{\"A\":{" state ",\"End\":true}}}"
#define NEXT(state, b)                                                                             \
    "{\"StartAt\":\"A\",\"States\":{\"A\":{" state ",\"Next\":\"B\"},\"B\":{" b "}}}"
#define CHILD                                                                                      \
    "\"Type\":\"Task\",\"Parameters\":{\"StateMachineArn\":\"arn:aws:states:us-east-1:"            \
    "000000000042:stateMachine:m0\",\"Input\":{\"n\":1}}," RETRY                                   \
    ",\"Resource\":\"arn:aws:states:::states:startExecution"

#define BY_TOKEN(machine)                                                                          \
    "\"Type\":\"Task\",\"Resource\":\"arn:aws:states:::states:startExecution.waitForTaskToken\","  \
    "\"Parameters\":{\"StateMachineArn\":\"arn:aws:states:us-east-1:000000000042:"                 \
    "stateMachine:" machine                                                                        \
    "\",\"Input\":{\"token.$\":\"$$.Task.Token\",\"out\":{\"n.$\":\"$.n\"}}}," RETRY

static const struct model_case model_cases[] = {
    {"another execution gives a task its result", ONE(BY_TOKEN("relay")), "{\"n\":3}",
     .outcomes = {"= {\"n\":3}"}},
    {"another execution refuses a task", ONE(BY_TOKEN("refuser")), "{\"n\":3}",
     .outcomes = {"! Refused: by a machine"}},
    {"a result of a byte too many", ONE(FUNCTION "BULK\"," RETRY), "{}",
     .outcomes = {"! States.DataLimitExceeded: *"}},
    {"data flows in order",
     ONE(INVOKE "\"InputPath\":\"$.in\",\"Parameters\":{\"FunctionName\":\"ECHO\",\"Payload\":{"
                "\"got.$\":\"$.x\"}},\"ResultSelector\":{\"sel.$\":\"$.Payload.got\",\"code.$\":"
                "\"$.StatusCode\",\"v.$\":\"$.ExecutedVersion\"},\"ResultPath\":\"$.in.res\","
                "\"OutputPath\":\"$.in\"," RETRY),
     "{\"in\":{\"x\":1},\"out\":2}",
     .outcomes = {"= {\"x\":1,\"res\":{\"sel\":1,\"code\":200,\"v\":\"$LATEST\"}}"}},
    {"a Pass state's Result is no template",
     ONE("\"Type\":\"Pass\",\"Result\":{\"x.$\":\"$.n\"},\"ResultPath\":\"$.r\""), "{\"n\":1}",
     .outcomes = {"= {\"n\":1,\"r\":{\"x.$\":\"$.n\"}}"}},
    {"ResultPath null gives the raw input, InputPath null an empty one",
     ONE("\"Type\":\"Pass\",\"InputPath\":null,\"Parameters\":{\"all.$\":\"$\"},\"ResultPath\":"
         "null"),
     "{\"n\":1}", .outcomes = {"= {\"n\":1}"}},
    {"OutputPath null gives nothing", ONE("\"Type\":\"Pass\",\"OutputPath\":null"), "{\"n\":1}",
     .outcomes = {"= {}"}},
    {"ResultPath makes what is missing and takes the place of what is there",
     ONE("\"Type\":\"Pass\",\"Parameters\":{\"k\":1},\"ResultPath\":\"$.a.b.c\""),
     "{\"a\":{\"b\":{\"c\":[1],\"d\":2}}}",
     .outcomes = {"= {\"a\":{\"b\":{\"c\":{\"k\":1},\"d\":2}}}"}},
    {"Assign sees the result before ResultSelector",
     NEXT(INVOKE "\"Parameters\":{\"FunctionName\":\"ECHO\",\"Payload\":{\"a\":7}},"
                 "\"ResultSelector\":{\"none\":0},\"Assign\":{\"x.$\":\"$.Payload.a\"}," RETRY,
          "\"Type\":\"Pass\",\"Parameters\":{\"x.$\":\"$x\",\"in.$\":\"$\"},\"End\":true"),
     "{}", .outcomes = {"= {\"x\":7,\"in\":{\"none\":0}}"}},
    {"Assign sees variables as they were on entry",
     "{\"StartAt\":\"A\",\"States\":{\"A\":{\"Type\":\"Pass\",\"Assign\":{\"x\":1,\"y\":2},"
     "\"Next\":\"B\"},\"B\":{\"Type\":\"Pass\",\"Assign\":{\"x.$\":\"$y\",\"y.$\":\"$x\"},\"Next\":"
     "\"C\"},\"C\":{\"Type\":\"Pass\",\"Parameters\":{\"x.$\":\"$x\",\"y.$\":\"$y\"},\"End\":true"
     "}}}",
     "{}", .outcomes = {"= {\"x\":2,\"y\":1}"}},
    {"a branch sees the variables around it and keeps its own",
     NEXT("\"Type\":\"Pass\",\"Assign\":{\"x\":1}",
          "\"Type\":\"Parallel\",\"Branches\":[{\"StartAt\":\"C\",\"States\":{\"C\":{\"Type\":"
          "\"Pass\",\"Assign\":{\"y.$\":\"States.MathAdd($x, 1)\"},\"Next\":\"D\"},\"D\":{\"Type\":"
          "\"Pass\",\"Parameters\":{\"y.$\":\"$y\",\"x.$\":\"$x\"},\"End\":true}}}],\"Assign\":{"
          "\"y.$\":\"$[0].y\"},\"End\":true"),
     "{}", .outcomes = {"= [{\"y\":2,\"x\":1}]"}},
    {"a catcher's ResultPath alone counts",
     NEXT(FUNCTION "BOOM\",\"ResultSelector\":{\"no\":1},\"ResultPath\":\"$.no\",\"OutputPath\":"
                   "\"$.no\",\"Catch\":[{\"ErrorEquals\":[\"States.ALL\"],\"Next\":\"B\","
                   "\"ResultPath\":\"$.err\"}],\"InputPath\":\"$.n\"," RETRY,
          "\"Type\":\"Succeed\""),
     "{\"n\":1}",
     .outcomes = {"= {\"n\":1,\"err\":{\"Error\":\"Boom\",\"Cause\":\"it always does\"}}"}},
    {"a catcher assigns, and not its state",
     NEXT(FUNCTION "BOOM\",\"Assign\":{\"e\":\"state\"},\"Catch\":[{\"ErrorEquals\":[\"Boom\"],"
                   "\"Next\":\"B\",\"Assign\":{\"e.$\":\"$.Error\"}}]," RETRY,
          "\"Type\":\"Pass\",\"Parameters\":{\"e.$\":\"$e\",\"c.$\":\"$.Cause\"},\"End\":true"),
     "{}", .outcomes = {"= {\"e\":\"Boom\",\"c\":\"it always does\"}"}},
    {"the first retrier that names the error decides",
     ONE(FUNCTION "FLAKY\",\"Retry\":[" INFRA ",{\"ErrorEquals\":[\"Flaky\"],\"MaxAttempts\":"
                  "99999999,\"IntervalSeconds\":1,\"BackoffRate\":1},{\"ErrorEquals\":["
                  "\"States.ALL\"],\"MaxAttempts\":0}]"),
     "{\"n\":1}", .outcomes = {"= {\"count\":1,\"bytes\":7}"}},
    {"the first catcher that names the error has it",
     "{\"StartAt\":\"A\",\"States\":{\"A\":{" FUNCTION
     "BOOM\",\"Catch\":[{\"ErrorEquals\":[\"Odd\"],\"Next\":\"B\"},{\"ErrorEquals\":[\"Odd\","
     "\"Boom\"],\"Next\":\"C\"},{\"ErrorEquals\":[\"States.ALL\"],\"Next\":\"B\"}],\"End\":"
     "true," RETRY
     "},\"B\":{\"Type\":\"Pass\",\"Result\":\"B\",\"End\":true},\"C\":{\"Type\":\"Pass\","
     "\"Result\":\"C\",\"End\":true}}}",
     "{}", .outcomes = {"= \"C\""}},
    {"States.TaskFailed does not take a timeout, which has no cause",
     NEXT(FUNCTION "HANG\",\"TimeoutSeconds\":1,\"Catch\":[{\"ErrorEquals\":[\"States.TaskFailed\"]"
                   ",\"Next\":\"C\"},{\"ErrorEquals\":[\"States.Timeout\"],\"Next\":\"B\"}]," RETRY,
          "\"Type\":\"Succeed\"},\"C\":{\"Type\":\"Fail\""),
     "{}", .outcomes = {"= {\"Error\":\"States.Timeout\",\"Cause\":\"\"}"}},
    {"a timeout that nothing takes", ONE(FUNCTION "HANG\",\"TimeoutSeconds\":1," RETRY), "{}",
     .outcomes = {"! States.Timeout"}},
    {"nothing takes States.Runtime",
     NEXT(FUNCTION "ECHO\",\"Parameters\":{\"x.$\":\"$.none\"},\"Catch\":[{\"ErrorEquals\":["
                   "\"States.Runtime\"],\"Next\":\"B\"},{\"ErrorEquals\":[\"States.ALL\"],\"Next\":"
                   "\"B\"}]," RETRY,
          "\"Type\":\"Succeed\""),
     "{}", .outcomes = {"! States.Runtime: *"}},
    {"a Fail state without a name",
     NEXT("\"Type\":\"Parallel\",\"Branches\":[{\"StartAt\":\"C\",\"States\":{\"C\":{\"Type\":"
          "\"Fail\"}}}],\"Catch\":[{\"ErrorEquals\":[\"States.ALL\"],\"Next\":\"B\"}]",
          "\"Type\":\"Succeed\""),
     "{}", .outcomes = {"= {\"Error\":\"\",\"Cause\":\"\"}"}},
    {"any branch may fail first",
     ONE("\"Type\":\"Parallel\",\"Branches\":[{\"StartAt\":\"B\",\"States\":{\"B\":{" FUNCTION
         "BOOM\",\"End\":true," RETRY "}}},{\"StartAt\":\"C\",\"States\":{\"C\":{" ACTIVITY
         "refuse\",\"TimeoutSeconds\":60,\"End\":true," RETRY
         "}}},{\"StartAt\":\"D\",\"States\":{\"D\":{\"Type\":\"Succeed\"}}}]"),
     "{}", .outcomes = {"! Boom: it always does", "! Refused: not today"}},
    {"a failed branch has its own name, and is States.BranchFailed too",
     NEXT("\"Type\":\"Parallel\",\"Branches\":[{\"StartAt\":\"C\",\"States\":{\"C\":{" FUNCTION
          "BOOM\",\"End\":true," RETRY "}}}],\"Catch\":[{\"ErrorEquals\":[\"States.BranchFailed\"],"
          "\"Next\":\"B\"}]",
          "\"Type\":\"Succeed\""),
     "{}", .outcomes = {"= {\"Error\":\"Boom\",\"Cause\":\"it always does\"}"}},
    {"a Parallel that is tried again may fail of another branch then",
     NEXT(
         "\"Type\":\"Parallel\",\"Branches\":[{\"StartAt\":\"C\",\"States\":{\"C\":{" FUNCTION
         "BOOM\",\"End\":true," RETRY "}}},{\"StartAt\":\"D\",\"States\":{\"D\":{\"Type\":\"Wait\","
         "\"Seconds\":1,\"Next\":\"E\"},\"E\":{\"Type\":\"Fail\",\"Error\":\"Bad\",\"Cause\":\"\"}}"
         "}],\"Retry\":[{\"ErrorEquals\":[\"Boom\"],\"MaxAttempts\":1}],\"Catch\":[{"
         "\"ErrorEquals\":[\"Bad\"],\"Next\":\"B\",\"ResultPath\":null}]",
         "\"Type\":\"Succeed\""),
     "{\"n\":1}", .outcomes = {"! Boom: it always does", "= {\"n\":1}"}},
    {"a retrier has its number of attempts and no more",
     NEXT("\"Type\":\"Parallel\",\"Parameters\":{\"n.$\":\"$$.State.RetryCount\"},\"Branches\":[{"
          "\"StartAt\":\"C\",\"States\":{\"C\":{\"Type\":\"Choice\",\"Choices\":[{\"Variable\":\"$."
          "n\",\"NumericLessThan\":3,\"Next\":\"D\"}],\"Default\":\"E\"},\"D\":{\"Type\":\"Fail\","
          "\"Error\":\"Bad\"},\"E\":{\"Type\":\"Succeed\"}}}],\"Retry\":[{\"ErrorEquals\":[\"Odd\"]"
          ",\"MaxAttempts\":9},{\"ErrorEquals\":[\"States.ALL\"],\"MaxAttempts\":2}]",
          "\"Type\":\"Succeed\""),
     "{}", .outcomes = {"! Bad"}},
    {"and all of them",
     NEXT("\"Type\":\"Parallel\",\"Parameters\":{\"n.$\":\"$$.State.RetryCount\"},\"Branches\":[{"
          "\"StartAt\":\"C\",\"States\":{\"C\":{\"Type\":\"Choice\",\"Choices\":[{\"Variable\":\"$."
          "n\",\"NumericLessThan\":2,\"Next\":\"D\"}],\"Default\":\"E\"},\"D\":{\"Type\":\"Fail\","
          "\"Error\":\"Bad\"},\"E\":{\"Type\":\"Succeed\"}}}],\"Retry\":[{\"ErrorEquals\":[\"Odd\"]"
          ",\"MaxAttempts\":9},{\"ErrorEquals\":[\"States.ALL\"],\"MaxAttempts\":2}]",
          "\"Type\":\"Succeed\""),
     "{}", .outcomes = {"= [{\"n\":2}]"}},
    {"a Map's items are in order, with their places",
     ONE("\"Type\":\"Map\",\"ItemsPath\":\"$.items\",\"ItemSelector\":{\"at.$\":"
         "\"$$.Map.Item.Index\",\"is.$\":\"$$.Map.Item.Value\",\"n.$\":\"$.n\"},\"ItemProcessor\":{"
         "\"StartAt\":\"B\",\"States\":{\"B\":{" FUNCTION "ECHO\",\"End\":true," RETRY "}}}"),
     "{\"n\":1,\"items\":[\"a\",[2],{\"b\":3}]}",
     .outcomes = {"= "
                  "[{\"at\":0,\"is\":\"a\",\"n\":1},{\"at\":1,\"is\":[2],\"n\":1},{\"at\":2,\"is\":"
                  "{\"b\":3},"
                  "\"n\":1}]"}},
    {"a Map of nothing",
     ONE("\"Type\":\"Map\",\"Iterator\":{\"StartAt\":\"B\",\"States\":{\"B\":{\"Type\":\"Fail\"}}},"
         "\"ResultPath\":\"$\""),
     "[]", .outcomes = {"= []"}},
    {"one item after the other: the first that fails",
     ONE("\"Type\":\"Map\",\"MaxConcurrency\":1,\"ItemProcessor\":{\"StartAt\":\"B\",\"States\":{"
         "\"B\":{" FUNCTION "PICKY\",\"Parameters\":{\"n.$\":\"$\"},\"End\":true," RETRY "}}}"),
     "[2,61,3]", .outcomes = {"! Huge: "}},
    {"all items at once: any that fails",
     ONE("\"Type\":\"Map\",\"ItemProcessor\":{\"StartAt\":\"B\",\"States\":{\"B\":{" FUNCTION
         "PICKY\",\"Parameters\":{\"n.$\":\"$\"},\"End\":true," RETRY "}}}"),
     "[2,61,3]",
     .outcomes = {"! Huge: ", "! Odd: {\"errorMessage\":\"odd\",\"errorType\":\"Odd\"}"}},
    {"rules: types that differ do not hold, And stops at what does not",
     "{\"StartAt\":\"A\",\"States\":{\"A\":{\"Type\":\"Choice\",\"Choices\":[{\"Variable\":\"$.s\","
     "\"NumericEquals\":1,\"Next\":\"C\"},{\"And\":[{\"Variable\":\"$.no\",\"IsPresent\":true},{"
     "\"Variable\":\"$.no\",\"NumericEquals\":1}],\"Next\":\"C\"},{\"Not\":{\"Variable\":\"$.s\","
     "\"StringMatches\":\"*2\"},\"Next\":\"B\",\"Assign\":{\"by\":\"rule\"}}],\"Assign\":{\"by\":"
     "\"state\"},\"Default\":\"C\"},\"B\":{\"Type\":\"Pass\",\"Parameters\":{\"by.$\":\"$by\"},"
     "\"End\":true},\"C\":{\"Type\":\"Fail\"}}}",
     "{\"s\":\"1\"}", .outcomes = {"= {\"by\":\"rule\"}"}},
    {"a rule over what is not there",
     "{\"StartAt\":\"A\",\"States\":{\"A\":{\"Type\":\"Choice\",\"Choices\":[{\"Variable\":\"$."
     "no\","
     "\"IsNull\":true,\"Next\":\"B\"}],\"Default\":\"B\"},\"B\":{\"Type\":\"Succeed\"}}}",
     "{}", .outcomes = {"! States.Runtime: *"}},
    {"sick until it is redriven",
     ONE(INVOKE "\"Parameters\":{\"FunctionName\":\"SICK\",\"Payload\":{\"redrives.$\":"
                "\"$$.Execution.RedriveCount\"}},\"OutputPath\":\"$.Payload\"," RETRY),
     "{}", .outcomes = {"! Sick: until it is redriven"}},
    {"and well then",
     ONE(INVOKE "\"Parameters\":{\"FunctionName\":\"SICK\",\"Payload\":{\"redrives.$\":"
                "\"$$.Execution.RedriveCount\"}},\"OutputPath\":\"$.Payload\"," RETRY),
     "{}", .outcomes = {"= \"well\""}, .redrives = 1},
    {"a task token's answer is the result, and no wrapping",
     ONE("\"Type\":\"Task\",\"Resource\":\"arn:aws:states:::lambda:invoke.waitForTaskToken\","
         "\"Parameters\":{\"FunctionName\":\"ECHO\",\"Payload\":{\"token.$\":\"$$.Task.Token\","
         "\"input\":[1]}}," RETRY),
     "{}", .outcomes = {"= [1]"}},
    {"an execution's output as JSON",
     ONE(CHILD ".sync:2\",\"ResultSelector\":{\"out.$\":\"$.Output\",\"in.$\":\"$.Input\","
               "\"status.$\":\"$.Status\"}"),
     "{}", .outcomes = {"= {\"out\":[1],\"in\":{\"n\":1},\"status\":\"SUCCEEDED\"}"},
     .child = ONE("\"Type\":\"Pass\",\"Result\":[1]")},
    {"an execution that fails is States.TaskFailed",
     NEXT(CHILD ".sync\",\"Catch\":[{\"ErrorEquals\":[\"Boom\"],\"Next\":\"B\"},{\"ErrorEquals\":["
                "\"States.TaskFailed\"],\"Next\":\"C\",\"ResultPath\":null}]",
          "\"Type\":\"Fail\"},\"C\":{\"Type\":\"Succeed\""),
     "{\"n\":2}", .outcomes = {"= {\"n\":2}"}, .child = ONE(FUNCTION "BOOM\"," RETRY)},
};

#endif

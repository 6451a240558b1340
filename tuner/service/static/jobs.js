// The list of jobs is loaded again from time to time, as long as one of them is under way.
"use strict";
if (document.querySelector(".state.running, .state.queued, .state.interrupted")) setTimeout(() => location.reload(), 5000);

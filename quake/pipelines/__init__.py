"The whole way of each learner, on one page."
